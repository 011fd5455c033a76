//! The rules, one small file per reason or family of reasons, and the table that lists them.

pub mod ended;
pub mod evicted;
pub mod memory;
pub mod node;
pub mod probe;
pub mod said;
pub mod start;
pub mod volume;

use super::{Case, Finding, Reason};

/// A row: which reasons a rule can give, and the rule.
pub struct Rule {
    /// Reasons it can give.
    pub reasons: &'static [Reason],
    /// Looks at the facts only, never at another rule; returns what it found, best first.
    pub examine: fn(&Case) -> Vec<Finding>,
}

/// Every rule. Where basis and confidence are equal, the earlier row wins.
pub static RULES: &[Rule] = &[
    // What kubelet and runtime say of a container that they cannot create or start.
    Rule { reasons: &[Reason::ImageUserNotAllowed], examine: start::user::examine },
    Rule {
        reasons: &[Reason::ImagePullFailed, Reason::InvalidImageName, Reason::CorruptImage, Reason::DiskFull],
        examine: start::image::examine,
    },
    Rule {
        reasons: &[Reason::ConfigMapNotFound, Reason::SecretNotFound, Reason::ConfigKeyNotFound],
        examine: start::config::examine,
    },
    Rule { reasons: &[Reason::LifecycleHookFailed], examine: start::hook::examine },
    Rule { reasons: &[Reason::PortConflict], examine: start::host_port::examine },
    Rule {
        reasons: &[
            Reason::EntrypointNotFound,
            Reason::EntrypointNotExecutable,
            Reason::WrongArchitecture,
            Reason::MountPathConflict,
            Reason::VolumeMountFailed,
            Reason::RuntimeFailure,
            Reason::NodeFault,
            Reason::MemoryLimitExceeded,
            Reason::ProcessLimitExceeded,
            Reason::PermissionDenied,
            Reason::InvalidConfiguration,
            Reason::CorruptImage,
            Reason::DiskFull,
        ],
        examine: start::exec::examine,
    },
    // Volumes that keep the pod from starting.
    Rule {
        reasons: &[Reason::PvcNotFound, Reason::PvcPending, Reason::StorageClassNotFound, Reason::NoMatchingVolume],
        examine: volume::claim::examine,
    },
    Rule { reasons: &[Reason::VolumeAttachConflict], examine: volume::attach::examine },
    Rule { reasons: &[Reason::VolumeMountFailed], examine: volume::mount::examine },
    // The node.
    Rule {
        reasons: &[
            Reason::NodeFault,
            Reason::NodePressureEviction,
            Reason::InvalidConfiguration,
            Reason::PortConflict,
            Reason::RuntimeFailure,
            Reason::WrongArchitecture,
            Reason::VolumeAttachConflict,
        ],
        examine: node::admission::examine,
    },
    Rule { reasons: &[Reason::NodeFault], examine: node::conditions::examine },
    Rule { reasons: &[Reason::NodeFault], examine: node::siblings::examine },
    Rule { reasons: &[Reason::SandboxFailed], examine: node::sandbox::examine },
    // Memory.
    Rule { reasons: &[Reason::RuntimeHeapExceedsLimit], examine: memory::heap::examine },
    Rule { reasons: &[Reason::MemoryLeak], examine: memory::leak::examine },
    Rule { reasons: &[Reason::MemoryLimitExceeded, Reason::NodePressureEviction], examine: memory::oom::examine },
    Rule { reasons: &[Reason::RuntimeHeapExhausted], examine: memory::exhausted::examine },
    // The kubelet ended or refused the pod as a whole.
    Rule { reasons: &[Reason::EphemeralStorageExceeded], examine: evicted::storage::examine },
    Rule { reasons: &[Reason::NodePressureEviction], examine: evicted::pressure::examine },
    // Probes.
    Rule {
        reasons: &[
            Reason::SlowStart,
            Reason::ProbeTimeout,
            Reason::ProbeTooStrict,
            Reason::ThresholdTooLow,
            Reason::ProbeMisconfigured,
            Reason::AppUnresponsive,
            Reason::StartupProbeFailed,
            Reason::CpuThrottling,
        ],
        examine: probe::examine,
    },
    // What the program itself said, last and fatally.
    Rule { reasons: &[Reason::WrongArchitecture], examine: said::architecture::examine },
    Rule { reasons: &[Reason::MissingSharedLibrary], examine: said::library::examine },
    Rule {
        reasons: &[Reason::EntrypointNotFound, Reason::EntrypointNotExecutable],
        examine: said::entrypoint::examine,
    },
    Rule { reasons: &[Reason::CorruptImage], examine: said::corrupt::examine },
    Rule { reasons: &[Reason::MissingEnvironmentVariable], examine: said::environment::examine },
    Rule {
        reasons: &[Reason::ConfigFileNotFound, Reason::ConfigPermissionDenied],
        examine: said::config_file::examine,
    },
    Rule { reasons: &[Reason::MountPathConflict], examine: said::mount_conflict::examine },
    Rule { reasons: &[Reason::VolumePermissionDenied], examine: said::volume_permission::examine },
    Rule { reasons: &[Reason::ReadOnlyFilesystem], examine: said::read_only::examine },
    Rule { reasons: &[Reason::DiskFull], examine: said::disk::examine },
    Rule { reasons: &[Reason::ProcessLimitExceeded], examine: said::limits::examine },
    Rule { reasons: &[Reason::RuntimeHeapExhausted], examine: said::memory::examine },
    Rule { reasons: &[Reason::CertificateInvalid], examine: said::certificate::examine },
    Rule { reasons: &[Reason::DependencyAuthFailed], examine: said::credentials::examine },
    Rule { reasons: &[Reason::DependencyUnavailable], examine: said::dependency::examine },
    Rule { reasons: &[Reason::PortConflict], examine: said::port::examine },
    Rule { reasons: &[Reason::PermissionDenied], examine: said::permission::examine },
    Rule { reasons: &[Reason::MissingModule], examine: said::module::examine },
    Rule { reasons: &[Reason::InvalidArguments], examine: said::arguments::examine },
    Rule { reasons: &[Reason::InvalidConfiguration], examine: said::configuration::examine },
    Rule { reasons: &[Reason::NodeFault], examine: said::node_feature::examine },
    Rule { reasons: &[Reason::Segfault, Reason::Aborted], examine: said::signal::examine },
    Rule { reasons: &[Reason::UnhandledException], examine: said::exception::examine },
    // How the process ended, where nothing more specific is known.
    Rule { reasons: &[Reason::DeadlineExceeded], examine: ended::deadline::examine },
    Rule { reasons: &[Reason::TerminatedBySignal], examine: ended::stopped::examine },
    Rule { reasons: &[Reason::CompletedUnexpectedly], examine: ended::completed::examine },
    Rule { reasons: &[Reason::Segfault, Reason::Aborted, Reason::TerminatedBySignal], examine: ended::signal::examine },
    Rule {
        reasons: &[Reason::EntrypointNotExecutable, Reason::EntrypointNotFound, Reason::UnknownError],
        examine: ended::exit_code::examine,
    },
];
