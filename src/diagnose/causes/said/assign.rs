//! Which reason a failure in the log is: the concept, weighed against spec and status. Boundary cases are decided here and nowhere else.

use super::place::{self, Place};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Reason};

/// The reason, or `None` where the failure says nothing that a rule of this family could tell.
pub(super) fn reason(case: &Case, failure: &Failure) -> Option<Reason> {
    if super::environment::unexpanded(case, failure).is_some() {
        return Some(Reason::MissingEnvironmentVariable);
    }
    Some(match failure.concept {
        Concept::CannotConnect | Concept::NameNotResolved => Reason::DependencyUnavailable,
        Concept::AuthRefused => Reason::DependencyAuthFailed,
        Concept::CertificateInvalid => Reason::CertificateInvalid,
        Concept::FileMissing => file_missing(case, failure),
        Concept::NotDirectory => not_a_directory(case, failure),
        Concept::FilePermission => file_permission(case, failure),
        Concept::NotPermitted => Reason::PermissionDenied,
        Concept::ReadOnlyFs => Reason::ReadOnlyFilesystem,
        Concept::DiskFull => Reason::DiskFull,
        Concept::AddressInUse => Reason::PortConflict,
        Concept::EnvMissing => environment(case, failure),
        Concept::BadConfig if is_source(case, failure) => Reason::UnhandledException,
        Concept::BadConfig => Reason::InvalidConfiguration,
        Concept::BadArguments => Reason::InvalidArguments,
        Concept::ModuleMissing => module_missing(case, failure),
        Concept::LibraryMissing => Reason::MissingSharedLibrary,
        Concept::CommandMissing => command_missing(case, failure),
        Concept::CommandNotExecutable => not_executable(case, failure),
        Concept::WrongArchitecture if is_mounted_script(case, failure) => Reason::EntrypointNotExecutable,
        Concept::WrongArchitecture => Reason::WrongArchitecture,
        Concept::BadImage => Reason::CorruptImage,
        Concept::OutOfMemory => Reason::RuntimeHeapExhausted,
        Concept::ProcessLimit => Reason::ProcessLimitExceeded,
        Concept::NodeFeature => Reason::NodeFault,
        Concept::Segfault if is_bus_error(failure) => Reason::TerminatedBySignal,
        Concept::Segfault => Reason::Segfault,
        Concept::Abort => Reason::Aborted,
        Concept::Exception | Concept::OtherError if super::configuration::mistaken_link(case, failure).is_some() => {
            Reason::InvalidConfiguration
        }
        Concept::Exception | Concept::BadData | Concept::OtherError => Reason::UnhandledException,
        // told by `causes::memory` and `causes::ended`
        Concept::HeapExhausted | Concept::Shutdown => return None,
    })
}

/// A variable that is missing according to the program, although the spec sets it to something, is a wrong value.
fn environment(case: &Case, failure: &Failure) -> Reason {
    let set = failure.subject.as_deref().and_then(|s| case.container.env(s)).and_then(|e| e.value.as_deref());
    if set.is_some_and(|v| !v.trim().is_empty()) {
        Reason::InvalidConfiguration
    } else {
        Reason::MissingEnvironmentVariable
    }
}

/// SIGBUS: memory that is mapped and cannot be had, which is not the bug that a SIGSEGV is.
fn is_bus_error(failure: &Failure) -> bool {
    mentions(failure, &["signal 7", "signal: 7", "sigbus", "bus error"])
}

/// The language's own parser refuses the program's source: `SyntaxError` of Python and JavaScript, `Parse error` of PHP. A file that
/// configures (a mounted one, or one called so) and JSON are configuration all the same.
fn is_source(case: &Case, failure: &Failure) -> bool {
    let parser = ["SyntaxError: ", "IndentationError: ", "TabError: ", "PHP Parse error", "Parse error: syntax error"];
    if !parser.iter().any(|w| failure.quote.contains(w)) || mentions(failure, &["json", "config", "unexpected end of"])
    {
        return false;
    }
    let file = case.crash_log().and_then(|l| super::frame::newest(&l.text));
    file.is_none_or(|f| !mentions_config(&f) && place::of(case, &f) != Place::Config)
}

fn mentions_config(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["conf", "settings"].iter().any(|w| path.contains(w))
}

fn mentions(failure: &Failure, words: &[&str]) -> bool {
    let quote = failure.quote.to_ascii_lowercase();
    words.iter().any(|w| quote.contains(w))
}

const CONFIG_WORDS: &[&str] = &[
    "config",
    "cert",
    "secret",
    "credential",
    "setting",
    "propert",
    ".yaml",
    ".yml",
    ".conf",
    ".json",
    ".toml",
    ".ini",
    ".env",
    ".pem",
    ".key",
    ".crt",
    "token",
    "license",
    "keystore",
    "password",
    // OpenSSL, which reads keys and certificates
    "bio routines",
    "ssl routines",
    "system library:",
];

fn file_missing(case: &Case, failure: &Failure) -> Reason {
    let Some(path) = failure.subject.as_deref() else {
        return if mentions(failure, CONFIG_WORDS) { Reason::ConfigFileNotFound } else { Reason::UnhandledException };
    };
    // an address that names nothing in its store
    if path.contains("://") {
        return Reason::InvalidConfiguration;
    }
    if place::extension(path) == "sock" || path.contains("/.s.PGSQL") {
        return Reason::DependencyUnavailable;
    }
    if path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/lib/modules") {
        return Reason::NodeFault;
    }
    if place::is_device(path) {
        // the node's own devices are in the container: what is not there is not on the node
        return if place::sees_devices(case, path) { Reason::NodeFault } else { Reason::PermissionDenied };
    }
    if place::extension(path) == "so" || path.contains(".so.") {
        return Reason::MissingSharedLibrary;
    }
    let config = place::of(case, path) == Place::Config;
    if config && place::hides_project(case, path) {
        return Reason::MountPathConflict;
    }
    if config {
        return Reason::ConfigFileNotFound;
    }
    if place::is_program(path) {
        if place::mount_over_program(case, Some(path)).is_some() {
            return Reason::MountPathConflict;
        }
        let in_command = case.container.command_line().any(|a| a.contains(path));
        return if in_command { Reason::EntrypointNotFound } else { Reason::MissingModule };
    }
    Reason::ConfigFileNotFound
}

fn not_a_directory(case: &Case, failure: &Failure) -> Reason {
    let Some(path) = failure.subject.as_deref() else {
        let any_sub_path = case.container.mounts.iter().any(|m| m.sub_path.is_some());
        return if any_sub_path { Reason::MountPathConflict } else { Reason::InvalidConfiguration };
    };
    if place::mount_of(case, path).or_else(|| place::mount_under(case, path)).is_some() {
        Reason::MountPathConflict
    } else {
        Reason::InvalidConfiguration
    }
}

fn file_permission(case: &Case, failure: &Failure) -> Reason {
    let Some(path) = failure.subject.as_deref() else {
        let data = mentions(
            failure,
            &[
                "data directory",
                "data dir",
                "wrong ownership",
                "database file",
                "readonly database",
                "mnesia",
                "queue directory",
            ],
        );
        let mut volumes = case.container.mounts.iter().filter(|m| place::kind_of(case, m) == Place::Volume).peekable();
        let volume = volumes.peek().is_some();
        // No user may write there.
        if data && volume && volumes.all(|m| m.read_only) {
            return Reason::ReadOnlyFilesystem;
        }
        return if data && volume { Reason::VolumePermissionDenied } else { Reason::PermissionDenied };
    };
    if place::extension(path) == "sock"
        || path.starts_with("/dev/")
        || path.starts_with("/proc/")
        || path.starts_with("/sys/")
    {
        return Reason::PermissionDenied;
    }
    match place::of(case, path) {
        Place::Config => Reason::ConfigPermissionDenied,
        Place::Volume => Reason::VolumePermissionDenied,
        // the folder above a mounted volume is made by the runtime, as root
        Place::Image if place::mount_under(case, path).is_some_and(|m| place::kind_of(case, m) == Place::Volume) => {
            Reason::VolumePermissionDenied
        }
        Place::Image => Reason::PermissionDenied,
    }
}

/// What a ConfigMap or Secret holds is text: the kernel refuses a script (`exec format error`) where its `#!` line is missing.
fn is_mounted_script(case: &Case, failure: &Failure) -> bool {
    failure.subject.as_deref().is_some_and(|p| place::of(case, p) == Place::Config)
}

/// A mount over a folder in which a language keeps its libraries.
fn hides_libraries(case: &Case) -> bool {
    let library = |path: &str| {
        ["/lib/python", "/site-packages", "/dist-packages", "/node_modules", "/gems", "/lib/ruby", "/lib/perl"]
            .iter()
            .any(|w| path.contains(w))
    };
    case.container.mounts.iter().any(|m| library(&m.path))
}

fn module_missing(case: &Case, failure: &Failure) -> Reason {
    let subject = failure.subject.as_deref();
    let hidden = match subject {
        Some(path) if path.starts_with('/') => place::mount_over_program(case, Some(path)).is_some(),
        _ => place::mount_over_program(case, None).is_some(),
    };
    if hidden || hides_libraries(case) { Reason::MountPathConflict } else { Reason::MissingModule }
}

/// runc's `exec /x: no such file or directory` comes after the file itself was found: its loader or interpreter is missing.
/// For a script that is the shebang line (often with a carriage return), for a binary the dynamic loader.
fn command_missing(case: &Case, failure: &Failure) -> Reason {
    let path = failure.subject.as_deref();
    if let Some(path) = path.filter(|p| p.starts_with('/')) {
        match place::mount_of(case, path).map(|m| place::kind_of(case, m)) {
            // runc has found the file before: what is not there is its interpreter.
            Some(Place::Config) if is_exec_of_kernel(failure) => return Reason::EntrypointNotFound,
            Some(Place::Config) => return Reason::ConfigFileNotFound,
            Some(Place::Volume) if !is_exec_of_kernel(failure) => return Reason::MountPathConflict,
            _ => {}
        }
    }
    let binary = path.is_some_and(|p| place::extension(p).is_empty());
    if is_exec_of_kernel(failure) && binary { Reason::MissingSharedLibrary } else { Reason::EntrypointNotFound }
}

fn is_exec_of_kernel(failure: &Failure) -> bool {
    failure.quote.starts_with("exec /") || failure.quote.contains("exec user process")
}

/// 126 is the shell's code for "not executable"; with another code the shell was refused a file that it wrote or read.
fn not_executable(case: &Case, failure: &Failure) -> Reason {
    let code = case.crash().map_or(0, |c| c.exit_code);
    let plain_shell = failure.quote.contains(".sh: line") || failure.quote.contains("sh: ");
    if code == 126 || !plain_shell || failure.quote.contains("exec") {
        Reason::EntrypointNotExecutable
    } else {
        file_permission(case, failure)
    }
}
