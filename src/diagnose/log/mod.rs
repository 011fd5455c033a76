//! Reads a log like a person: records, not lines; the terminal failure, not the last line; concepts, not wordings.

use super::Target;

mod about;
mod analyse;
mod brief;
mod concepts;
mod excerpt;
mod follow;
mod layout;
mod lines;
mod logfmt;
mod order;
mod parts;
mod records;
mod severity;
mod structured;
mod subject;
mod target;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

pub use analyse::analyse;
pub(crate) use brief::message;

/// Kinds of failure that a log can tell, independent of wording, language and library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concept {
    /// Connection refused, reset, no route, timed out to a peer.
    CannotConnect,
    /// A host name does not resolve.
    NameNotResolved,
    /// Credentials refused, RBAC forbidden, login failed.
    AuthRefused,
    /// TLS verification or handshake failed.
    CertificateInvalid,
    /// A file or folder is missing.
    FileMissing,
    /// A folder stands where a file should be, or the other way round; a mounted file cannot be replaced.
    NotDirectory,
    /// Access denied by file permissions.
    FilePermission,
    /// Operation not permitted: low port, capability, setuid, chown ...
    NotPermitted,
    /// Read-only file system.
    ReadOnlyFs,
    /// No space left on device.
    DiskFull,
    /// Address already in use.
    AddressInUse,
    /// An environment variable is missing or empty.
    EnvMissing,
    /// A configuration value or key is missing, unknown, unparsable or contradictory.
    BadConfig,
    /// Unknown flag, missing argument, usage text.
    BadArguments,
    /// Language module, package or class missing.
    ModuleMissing,
    /// Shared library, symbol version or loader missing.
    LibraryMissing,
    /// Exec of a command failed: not found.
    CommandMissing,
    /// Exec of a command failed: not executable.
    CommandNotExecutable,
    /// exec format error.
    WrongArchitecture,
    /// The image's content is broken: a corrupt jar, byte code of another version.
    BadImage,
    /// The runtime's own heap is exhausted (Java, V8, ...).
    HeapExhausted,
    /// malloc or mmap failed, std::bad_alloc, "Cannot allocate memory".
    OutOfMemory,
    /// Cannot fork, create thread, too many open files.
    ProcessLimit,
    /// The node lacks something: a kernel module, a CPU feature, a device.
    NodeFeature,
    /// Segmentation fault.
    Segfault,
    /// Abort, assertion, SIGABRT.
    Abort,
    /// Exception, panic, traceback with no more specific concept.
    Exception,
    /// Data of the program is corrupt or of an incompatible version.
    BadData,
    /// The program was told to stop (SIGTERM handled, graceful shutdown).
    Shutdown,
    /// A fatal or error line that fits no concept.
    OtherError,
}

/// How strongly the log says that this ended the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Mentioned at warning level, or followed by success.
    Hint,
    /// An error that was not followed by success, but not said to be fatal.
    Error,
    /// The terminal failure: fatal severity, uncaught exception, or the last error before the end.
    Terminal,
}

/// One failure found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub concept: Concept,
    /// How strong.
    pub weight: Weight,
    /// The causal line, trimmed and bounded, to be quoted.
    pub quote: String,
    /// The quote for a sentence: without the logger's stamp, with the lines that it announces, short.
    pub brief: String,
    /// 0-based line number of the quote.
    pub line: usize,
    /// What it is about: path, variable, key, flag, module, library, user, image path ... as the concept calls for.
    pub subject: Option<String>,
    /// The peer, for network concepts.
    pub target: Option<Target>,
}

/// A log, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// A log was there to be read (even if empty).
    pub read: bool,
    /// Number of lines.
    pub lines: usize,
    /// Failures, the most causal first.
    pub failures: Vec<Failure>,
    /// The lines that matter, at most 20 lines / 2 KiB.
    pub excerpt: Vec<String>,
}

impl LogReport {
    /// The log was read, and holds nothing but white space.
    pub fn is_silent(&self) -> bool {
        self.read && self.lines == 0
    }

    /// The most causal failure.
    pub fn terminal(&self) -> Option<&Failure> {
        self.failures.first()
    }

    /// The first failure of a concept.
    pub fn find(&self, concept: Concept) -> Option<&Failure> {
        self.failures.iter().find(|f| f.concept == concept)
    }

    /// The peer that the most causal network failure names.
    pub fn target(&self) -> Option<&Target> {
        self.failures.iter().find_map(|f| f.target.as_ref())
    }
}
