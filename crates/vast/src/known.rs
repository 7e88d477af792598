use std::collections::BTreeMap;

/// What was met before, by a number, a text or both, with two numbers about it.
///
/// One type for all lists that a hostile document can make long, because the code of a tree is
/// several kilobytes for each type of key.
#[derive(Default)]
pub(crate) struct Known<'t>(BTreeMap<Key<'t>, Value>);

pub(crate) type Key<'t> = (u64, &'t [u8]);
pub(crate) type Value = (u64, u64);

impl<'t> Known<'t> {
    /// Remembers what is new; gives what is known already, and leaves it so.
    pub(crate) fn meet(&mut self, key: Key<'t>, value: Value) -> Option<Value> {
        let known = self.of(key);
        if known.is_none() {
            self.put(key, value);
        }
        known
    }

    /// Whether this is met for the first time.
    pub(crate) fn is_new(&mut self, key: Key<'t>) -> bool {
        self.meet(key, (0, 0)).is_none()
    }

    #[inline(never)]
    pub(crate) fn of(&self, key: Key<'t>) -> Option<Value> {
        self.0.get(&key).copied()
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, key: Key<'t>, value: Value) {
        self.0.insert(key, value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        self.0 = BTreeMap::new();
    }
}
