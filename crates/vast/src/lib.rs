//! VAST: bytes to a tolerant document, rules, fixes and the wrapper-chain state machine

pub mod chain;
