//! The catalogue: every cause and reason, in one table. The names are public (CR fields, Event reasons, metric labels, docs pages).

use std::{fmt, str::FromStr};

macro_rules! catalogue {
    ($($cause:ident { $($reason:ident = $meaning:literal,)+ })+) => {
        /// The category of a crash.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $(#[doc = concat!("`", stringify!($cause), "`")] $cause,)+ }

        /// The specific reason of a crash. Each belongs to one [`Cause`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $meaning] $reason,)+)+ }

        impl Cause {
            /// All causes, in catalogue order.
            pub const ALL: &[Cause] = &[$(Cause::$cause,)+];
            /// Public name.
            pub const fn as_str(self) -> &'static str { match self { $(Cause::$cause => stringify!($cause),)+ } }
        }

        impl Reason {
            /// All reasons, in catalogue order.
            pub const ALL: &[Reason] = &[$($(Reason::$reason,)+)+];
            /// Public name.
            pub const fn as_str(self) -> &'static str { match self { $($(Reason::$reason => stringify!($reason),)+)+ } }
            /// The cause it belongs to.
            pub const fn cause(self) -> Cause { match self { $($(Reason::$reason => Cause::$cause,)+)+ } }
            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str { match self { $($(Reason::$reason => $meaning,)+)+ } }
        }
    };
}

catalogue! {
    AppError {
        UnhandledException = "the program ended by an exception, panic or stack trace of its own",
        InvalidConfiguration = "a configuration is there, but wrong or unparsable",
        DependencyUnavailable = "another service could not be reached: refused, not resolved, timed out",
        DependencyAuthFailed = "another service, or the API server's RBAC, refused the credentials",
        CertificateInvalid = "TLS failed: expired, not yet valid, unknown authority, wrong name",
        InvalidArguments = "a flag, argument or subcommand is not accepted",
        MissingModule = "a language module, package or class is not in the image",
        PortConflict = "the address to listen on is already in use",
        PermissionDenied = "the process may not do something: bind a low port, write in its own image, use a capability",
        Segfault = "the program accessed memory it does not own (signal 11, exit 139)",
        Aborted = "the program aborted itself (signal 6, exit 134)",
        CompletedUnexpectedly = "the main process ended with exit code 0, although the pod must keep running",
        TerminatedBySignal = "the process was ended by a signal that neither probe nor limit explains",
        LifecycleHookFailed = "the postStart hook failed or hung, so the kubelet killed the container",
        DeadlineExceeded = "activeDeadlineSeconds of the pod or Job ran out",
        UnknownError = "only a non-zero exit code is known",
    }
    BadImage {
        EntrypointNotFound = "the command or entrypoint does not exist in the image",
        EntrypointNotExecutable = "the entrypoint is there but may not be executed",
        WrongArchitecture = "the binary is built for another CPU architecture",
        MissingSharedLibrary = "a shared library, its version or the dynamic loader is missing",
        ImagePullFailed = "the image cannot be pulled",
        InvalidImageName = "the image reference cannot be parsed",
        CorruptImage = "the image's content or configuration is broken",
        ImageUserNotAllowed = "runAsNonRoot refuses the user that the image runs as",
    }
    MissingConfig {
        MissingEnvironmentVariable = "a required environment variable is not set",
        ConfigMapNotFound = "a ConfigMap that the pod refers to does not exist",
        SecretNotFound = "a Secret that the pod refers to does not exist",
        ConfigKeyNotFound = "a key is not in the ConfigMap or Secret that the pod refers to",
        ConfigFileNotFound = "a configuration file that the program needs is not there",
        ConfigPermissionDenied = "a configuration file is there, but the process may not read it",
    }
    ResourceLimits {
        MemoryLimitExceeded = "the kernel killed it at its memory limit",
        RuntimeHeapExceedsLimit = "the runtime's heap setting does not fit into the memory limit",
        RuntimeHeapExhausted = "the runtime gave up because its own heap was full; the kernel did not kill it",
        MemoryLeak = "killed at the memory limit again and again, each time after long growth",
        CpuThrottling = "starved by its CPU limit until a probe killed it",
        EphemeralStorageExceeded = "evicted for using more local storage than its limit",
        NodePressureEviction = "evicted because the node ran short of memory, disk or process ids",
        ProcessLimitExceeded = "no more processes, threads or open files were allowed",
    }
    VolumeIssue {
        PvcNotFound = "the PersistentVolumeClaim does not exist",
        PvcPending = "the PersistentVolumeClaim is not bound",
        StorageClassNotFound = "the claim names a StorageClass that does not exist",
        NoMatchingVolume = "no PersistentVolume fits the claim and no class provisions one",
        VolumeAttachConflict = "the volume is in use by another node or pod",
        VolumeMountFailed = "a volume could not be mounted",
        ReadOnlyFilesystem = "the program writes where the file system is read-only",
        MountPathConflict = "a mount hides or collides with files of the image",
        VolumePermissionDenied = "the process's user may not use the volume's files",
        DiskFull = "no space left on a volume or file system",
    }
    LivenessProbe {
        SlowStart = "killed by its liveness probe before it had started",
        ProbeTimeout = "the probe takes longer than its timeout",
        ProbeTooStrict = "the probe asks an endpoint that fails while starting or because of dependencies",
        ThresholdTooLow = "one or few failed probes are enough to kill it",
        ProbeMisconfigured = "the probe asks the wrong port, path, scheme or command",
        AppUnresponsive = "the program hangs: the probe is right",
        StartupProbeFailed = "the startup probe's window ended before the program was up",
    }
    NodeIssue {
        SandboxFailed = "the pod sandbox could not be created (network plugin or runtime)",
        RuntimeFailure = "the container runtime fails or hangs at a good container",
        NodeFault = "the same workload is healthy on other nodes, so this node is at fault",
    }
    Unknown {
        Unknown = "the evidence does not tell",
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = String;
    /// Case-insensitive, so that `causes oom` style typing is forgiven in case at least.
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|r| r.as_str().eq_ignore_ascii_case(s))
            .ok_or_else(|| format!("no reason is called {s:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for r in Reason::ALL {
            assert_eq!(r.as_str().parse::<Reason>().as_ref(), Ok(r));
            assert_eq!(Reason::ALL.iter().filter(|o| o.as_str() == r.as_str()).count(), 1);
        }
    }
}
