//! Indicators and events to a mergeable tally, recurrence, intervals, contributions and collateral
