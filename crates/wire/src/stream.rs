//! Sequences that are written while they are made, so that a run over many tags holds few of them.

use std::cell::RefCell;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

/// Serializes as a sequence, once.
pub(crate) struct Stream<I>(RefCell<Option<I>>);

impl<I> Stream<I> {
    pub(crate) fn new(items: I) -> Self {
        Self(RefCell::new(Some(items)))
    }
}

impl<I> Serialize for Stream<I>
where
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.0.borrow_mut().take();
        serializer.collect_seq(items.ok_or_else(|| S::Error::custom("a stream is written once"))?)
    }
}
