/// Whether the system keeps this process's memory out of swap and core dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryLock {
    /// It does.
    Locked,
    /// It does not, for this reason. Keys can reach the disk when memory runs short.
    Unavailable(String),
}

/// Asks the system to keep memory as it is now out of swap, and the process out of core dumps.
/// Call it before keys are read. Keys are overwritten when they are dropped in any case.
#[must_use]
pub fn guard_memory() -> MemoryLock {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{MlockAllFlags, mlockall};
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        let dumps = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        // Pages that come later are locked when they are first used: locking them ahead would
        // make allocations fail where the limit is low.
        let locked = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT);
        match locked.and(dumps) {
            Ok(()) => MemoryLock::Locked,
            Err(error) => MemoryLock::Unavailable(error.to_string()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    MemoryLock::Unavailable("not known how on this system".to_owned())
}
