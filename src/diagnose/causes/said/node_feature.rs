//! NodeFault, as the log tells it: the node's kernel lacks a module or feature that the program needs.

use super::{Told, place, said, tell};
use crate::diagnose::causes::node;
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::NodeFault, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    if ["nvidia", "cuda"].iter().any(|w| failure.quote.to_ascii_lowercase().contains(w)) {
        return Told::new(format!("it finds no GPU that it can use ({})", said(failure)))
            .advise("A container gets a GPU only by a request: resources.limits: {nvidia.com/gpu: 1}; without it, no device and no driver is mounted into it.")
            .advise("If it has one, look at the node: driver, device plugin, the nvidia runtime class, and whether the driver is new enough for the image's CUDA.");
    }
    if let Some(device) = failure.subject.as_deref().filter(|p| place::is_device(p)) {
        return absent(case, failure, device);
    }
    let name = case.pod.node.as_deref().unwrap_or("the node");
    let told = Told::new(format!("node {name} lacks what it needs ({})", said(failure)));
    let told = match case.pod.node.as_deref().and_then(|n| case.cluster.node(n)) {
        Some(n) => told.evidence(Source::Node, format!("node {}: kernel {}, {}", n.name, n.kernel, n.architecture)),
        None => told,
    };
    let mut told = told;
    told.root = node::root(case, format!("it lacks what the program needs: {}", said(failure)));
    let quote = failure.quote.to_ascii_lowercase();
    if quote.contains("cpu") || quote.contains("avx") {
        return told.advise("Run it on nodes whose CPU has that (virtual machines: a CPU type such as host or x86-64-v3), or take a build or version for older CPUs.");
    }
    if quote.contains("kernel") && !quote.contains("module") {
        return told.advise("Run it on nodes with a newer kernel (nodeSelector, or upgrade the node), or take a release that supports this one.");
    }
    if quote.contains("install") {
        return told.advise("Install on the node what the message names (and start its service), or keep the pod on nodes that have it (nodeSelector).");
    }
    told.advise("Load the kernel module on that node (modprobe, /etc/modules-load.d), or keep the pod away from it (nodeSelector, cordon).")
}

/// The container sees the node's devices, and this one is not among them.
fn absent(case: &Case, failure: &Failure, device: &str) -> Told {
    let name = case.pod.node.as_deref().unwrap_or("the node");
    let told = Told::new(format!("node {name} has no device {device} ({})", said(failure)));
    let mut told = match place::mount_of(case, device) {
        Some(mount) => told.evidence(Source::PodSpec, place::describe(case, mount)),
        None => told,
    };
    told.root = node::root(case, format!("it has no device {device}"));
    told.advise("Look at the node whether the device is there (ls -l /dev, dmesg): plug it in again, load its driver, or keep the pod on the node that has it (nodeSelector).")
        .advise("Numbers of devices change when they are plugged in anew: use a path that stays, such as /dev/serial/by-id/… or /dev/disk/by-id/….")
}
