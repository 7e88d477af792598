//! The one state machine that batch, stream and rerun share: events, signals, tags and policy to decisions and record drafts
