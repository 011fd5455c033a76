//! Segfault, a bus error and Aborted, as the log tells them where the exit code does not.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::Segfault, segfault);
    found.extend(tell(case, Reason::TerminatedBySignal, bus_error));
    found.extend(tell(case, Reason::Aborted, aborted));
    found
}

fn segfault(case: &Case, failure: &Failure) -> Told {
    Told::new(format!("it accessed memory that is not its own ({})", said(failure))).advise(format!(
        "This is a bug in {} or in a native library that it loads: try the version before, and take a core dump or stack (gdb, catchsegv) to its authors.",
        case.container.image
    ))
}

fn bus_error(_case: &Case, failure: &Failure) -> Told {
    Told::new(format!("a process of it ended by SIGBUS: memory that is mapped but cannot be had ({})", said(failure)))
        .advise("Check the size of /dev/shm first: it is 64 MiB unless an emptyDir with medium Memory is mounted there.")
        .advise("Then huge pages (none are reserved unless the pod asks for them), and files truncated while they were mapped.")
}

fn aborted(_case: &Case, failure: &Failure) -> Told {
    Told::new(format!("it aborted itself ({})", said(failure)))
        .advise("A check of its own failed: look the message up in its sources or issues; with a core dump the stack names the place.")
}
