//! MissingSharedLibrary: a shared library, its version or the dynamic loader is missing.

use super::{Told, named, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::MissingSharedLibrary, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let image = &case.container.image;
    if failure.concept == Concept::CommandMissing {
        return Told::new(format!("{} is in the image, but its dynamic loader is not: the kernel finds no interpreter for it ({})", named(failure, "the program"), said(failure)))
            .but("the file itself could be missing, with older runtimes")
            .advise(format!("Build the program static (Go: CGO_ENABLED=0, Rust: a musl target), or base {image} on an image with the C library it was built against (glibc or musl)."));
    }
    let what = named(failure, "a shared library");
    let told = Told::new(format!("{what} is missing in the image ({})", said(failure)));
    let quote = &failure.quote;
    if quote.contains("GLIBC") || quote.contains("CXXABI") {
        return told.certain().advise(format!("It was built against a newer C library than {image} has: build it on the same base, or use a newer base image."));
    }
    let loader = quote.contains("error while loading shared libraries")
        || quote.contains("rror loading shared library")
        || quote.contains("rror relocating");
    let told = if loader { told.certain() } else { told };
    if quote.to_ascii_lowercase().contains("nvml") || quote.contains("libnvidia") || quote.contains("libcuda") {
        return told.advise("The node's container runtime does not hand the GPU libraries in: set up the NVIDIA container runtime on that node (runtimeClassName: nvidia).");
    }
    told.advise(format!("Install the package that holds {what} in {image} (in the last stage of the build), or build the program static."))
}
