//! WrongArchitecture: the binary is built for another CPU architecture.

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::WrongArchitecture, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let node = case.pod.node.as_deref().and_then(|n| case.cluster.node(n)).filter(|n| !n.architecture.is_empty());
    let wanted = node.map_or("amd64", |n| n.architecture.as_str());
    if failure.quote.to_ascii_lowercase().contains("page size") {
        return pages(case, failure);
    }
    let told = Told::new(format!(
        "{} cannot run on this machine: it is built for another CPU ({})",
        named(failure, "the program"),
        said(failure)
    ));
    let told = match node {
        Some(n) => told.evidence(Source::Node, format!("node {} is {}", n.name, n.architecture)),
        None => told,
    };
    if failure.quote.contains("invalid ELF header") {
        return told.advise(format!(
            "The file was copied from a machine of another system (node_modules or a virtual environment of a workstation): keep that folder out of the image ({}) by .dockerignore, and install the packages while it is built.",
            case.container.image
        ));
    }
    let kernel = failure.quote.to_ascii_lowercase().contains("exec format error");
    let told = if kernel { told.certain() } else { told };
    told.advise_command(
        "Build the image for the node's architecture:",
        Some(format!("docker buildx build --platform linux/{wanted} -t {} --push .", case.container.image)),
    )
    .advise("Or keep the pod on nodes of the image's architecture (nodeSelector kubernetes.io/arch). An empty script, or one without a `#!` line, gives the same message.")
}

/// Memory pages of 4 KiB are the rule; kernels for some arm64 and ppc64le machines have larger ones, which allocators are built for.
fn pages(case: &Case, failure: &Failure) -> Told {
    let told =
        Told::new(format!("it is built for memory pages of another size than this machine's ({})", said(failure)));
    let node = case.pod.node.as_deref().and_then(|n| case.cluster.node(n));
    let told = match node {
        Some(n) => told.evidence(Source::Node, format!("node {}: kernel {}, {}", n.name, n.kernel, n.architecture)),
        None => told,
    };
    told.advise("Take an image built for large pages (jemalloc: --with-lg-page=16), or a kernel with pages of 4 KiB on the node (Raspberry Pi 5: kernel=kernel8.img in config.txt).")
}
