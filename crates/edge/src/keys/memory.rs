/// Whether the system keeps keys out of swap and core dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryLock {
    /// It does.
    Locked,
    /// It does not, for this reason. Keys can reach the disk when memory runs short.
    Unavailable(String),
}

/// Asks the system to keep this process out of core dumps, and the memory that it has and takes
/// out of swap. Call it before keys are read, and [`keys_are_read`] behind that. Keys are
/// overwritten when they are dropped in any case.
#[must_use]
pub fn guard_memory() -> MemoryLock {
    #[cfg(target_os = "linux")]
    {
        let dumps = linux::no_dumps();
        let locked = linux::lock();
        match dumps.and(locked) {
            Ok(()) => MemoryLock::Locked,
            Err(why) => MemoryLock::Unavailable(why),
        }
    }
    #[cfg(not(target_os = "linux"))]
    MemoryLock::Unavailable("not known how on this system".to_owned())
}

/// Ends what [`guard_memory`] asks for memory that is taken from now on. What holds keys stays
/// locked; what the work needs may be swapped again.
pub fn keys_are_read() {
    #[cfg(target_os = "linux")]
    linux::release();
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{
        DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
    };

    /// The bit of `CAP_IPC_LOCK` in a set of capabilities.
    const IPC_LOCK: u64 = 1 << 14;

    /// Both ways: the limit also holds for programs that this one starts, the flag also keeps
    /// other processes of the same user from reading this one's memory.
    pub(super) fn no_dumps() -> Result<(), String> {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        setrlimit(Resource::Core, none)
            .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
            .map_err(|error| format!("core dumps: {error}"))
    }

    /// Pages are locked when they are first used, not ahead. Where the amount is limited, to lock
    /// what is still to come would make allocations fail, so that is not tried.
    pub(super) fn lock() -> Result<(), String> {
        let limit = getrlimit(Resource::Memlock).current;
        if let Some(bytes) = limit.filter(|_| !may_lock_anything()) {
            return Err(format!("locked memory is limited to {} KiB", bytes / 1024));
        }
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
            .map_err(|error| format!("mlockall: {error}"))
    }

    pub(super) fn release() {
        if getrlimit(Resource::Memlock).current.is_none() || may_lock_anything() {
            let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT);
        }
    }

    fn may_lock_anything() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
            .is_some_and(|set| set & IPC_LOCK != 0)
    }
}
