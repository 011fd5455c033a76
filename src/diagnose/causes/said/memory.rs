//! RuntimeHeapExhausted where malloc, mmap or the runtime itself was refused memory, and the kernel killed nothing.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::RuntimeHeapExhausted, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let limit = case.container.resources.memory_limit;
    let told = Told::new(format!("it was refused memory and gave up by itself ({})", said(failure)));
    let told = match limit {
        Some(bytes) => told.evidence(Source::PodSpec, format!("limits.memory: {}", words::bytes(bytes))),
        None => told,
    };
    told.advise("Measure what it needs (container_memory_working_set_bytes), then raise the memory limit or lower what it reserves at its start (heap size, shared buffers, cache).")
        .advise("An `ulimit -v`, or a node without free memory, refuses just the same.")
}
