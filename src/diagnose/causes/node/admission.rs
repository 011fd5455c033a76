//! The kubelet refused the pod when it came to the node: no container was ever made. Its pod-level reason says why
//! (kubelet `HandlePodAdditions`, `lifecycle/handlers.go`, the device, CPU and topology managers).

use crate::diagnose::facts::State;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, words};

/// (pod reason, reason, what it means, what to do); a reason that ends with `*` stands for all that begin so.
#[rustfmt::skip]
const REFUSALS: &[(&str, Reason, &str, &str)] = &[
    ("UnexpectedAdmissionError", Reason::NodeFault, "a device or other resource of the node that the pod was promised cannot be given", "Look at the node's device plugin and devices (for a GPU: nvidia-smi and the plugin's log); a plugin that restarts or a device that fell ill looks so."),
    ("TopologyAffinityError", Reason::NodeFault, "the node cannot give CPUs, memory and devices of one NUMA node as its topology policy wants", "Ask for less, so that it fits into one NUMA node, or use a node or topologyManagerPolicy that allows more."),
    ("SMTAlignmentError", Reason::InvalidConfiguration, "the node gives whole physical cores only, and the CPU request is no multiple of its threads per core", "Request a multiple of the threads per core (2 on most machines)."),
    ("OutOf*", Reason::NodePressureEviction, "the node had no room for it any more", "It was placed at the same time as others, or by nodeName past the scheduler: its controller makes a new pod. Set honest requests, and do not set nodeName."),
    ("NodeAffinity", Reason::NodeFault, "the node's labels do not fit the pod's node selector or affinity (any more)", "Compare the node's labels with nodeSelector and affinity; after a node was made anew its labels may be missing."),
    ("TaintToleration", Reason::NodeFault, "the node has a taint that the pod does not tolerate", "Remove the taint, or add a toleration."),
    ("NodePorts", Reason::PortConflict, "a hostPort of the pod is taken on that node", "Take another hostPort, or none: a Service reaches the pod without it."),
    ("SysctlForbidden", Reason::InvalidConfiguration, "the pod sets a sysctl that the node does not allow", "Drop it from securityContext.sysctls, or allow it on the node (kubelet allowedUnsafeSysctls)."),
    ("AppArmor", Reason::RuntimeFailure, "the node cannot enforce the AppArmor profile that the pod asks for", "Load the profile on every node where the pod may run, or use RuntimeDefault."),
    ("UnsupportedPodOS", Reason::WrongArchitecture, "the pod is for another operating system than the node's", "Add a nodeSelector kubernetes.io/os."),
    ("PodOSNotSupported", Reason::WrongArchitecture, "the pod is for another operating system than the node's", "Add a nodeSelector kubernetes.io/os."),
    ("PodOSSelectorNodeLabelDoesNotMatch", Reason::WrongArchitecture, "the pod's nodeSelector kubernetes.io/os is not that of the node", "Correct the nodeSelector kubernetes.io/os."),
    ("VolumeAttachmentLimitExceeded", Reason::VolumeAttachConflict, "the node has as many volumes attached as it may have", "Use nodes with a higher attach limit, or fewer volumes per node; its controller makes a new pod."),
    ("InitContainerRestartForbidden", Reason::RuntimeFailure, "the node's kubelet is too old for sidecar containers (restartPolicy in initContainers)", "Update the node, or write the sidecar as a regular container."),
    ("SupplementalGroupsPolicyNotSupported", Reason::RuntimeFailure, "the node's runtime does not support supplementalGroupsPolicy", "Update the container runtime of the node, or drop the field."),
];

/// Pod reasons that mean something else than a refusal.
const OTHERS: &[&str] =
    &["Evicted", "DeadlineExceeded", "Preempting", "Preempted", "NodeLost", "Terminated", "Shutdown", "NodeShutdown"];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let pod = case.pod;
    let Some(reason) = pod.reason.as_deref().filter(|r| !OTHERS.contains(r) && !r.is_empty()) else {
        return Vec::new();
    };
    let ran = pod
        .containers
        .iter()
        .any(|c| c.status.last.is_some() || matches!(c.status.state, State::Terminated(_) | State::Running { .. }));
    if pod.phase != "Failed" || case.crash().is_some() || ran {
        return Vec::new();
    }
    let fits = |name: &str| name.strip_suffix('*').map_or(name == reason, |start| reason.starts_with(start));
    let row = REFUSALS.iter().find(|(name, ..)| fits(name));
    let node = pod.node.as_deref().unwrap_or("the node");
    let message = pod.message.as_deref().unwrap_or_default();
    let message = message.trim_start_matches("Pod was rejected: ").trim();
    let means = row.map_or("it does not say more than this", |(_, _, means, _)| means);
    let text = format!(
        "The kubelet of node {node} refused the pod, so no container was ever made: {means} ({reason}: {}).",
        words::cut(message, 240)
    );
    let (wins, confidence) = row.map_or((Reason::NodeFault, Confidence::Possible), |r| (r.1, Confidence::Likely));
    let mut finding = Finding::new(wins, confidence, Basis::Stated, text)
        .evidence(Evidence::new(Source::ContainerStatus, format!("pod reason {reason}: {message}")));
    if let Some(e) = case.pod_events().rev().find(|e| e.reason == reason) {
        let text = format!("{}: {}", e.reason, e.message.trim());
        finding = finding.evidence(Evidence::new(Source::Event, text).at(e.last));
    }
    finding = match row {
        Some((_, _, _, advice)) => finding.advise(*advice),
        None => finding.advise(format!("Look at the node: kubectl describe node {node}.")),
    };
    // Where the pod asks for what no node gives, the node is not to blame.
    if !matches!(wins, Reason::InvalidConfiguration | Reason::WrongArchitecture | Reason::PortConflict) {
        finding.root_cause = super::root(case, format!("it refused the pod: {reason}"));
    }
    vec![finding.advise("A refused pod is never tried again: its controller makes a new one; a bare pod must be made anew. The failed one can be deleted.")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Terminated;
    use crate::diagnose::testing::World;

    fn refused(reason: &str, message: &str) -> World {
        World::new().waiting("", "").with(|w| {
            w.pod().phase = "Failed".into();
            w.pod().reason = Some(reason.into());
            w.pod().message = Some(message.into());
        })
    }

    #[test]
    fn refusals_are_told_apart_by_the_pods_reason() {
        for (reason, message, wins) in [
            (
                "UnexpectedAdmissionError",
                "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected",
                Reason::NodeFault,
            ),
            (
                "OutOfcpu",
                "Pod was rejected: Node didn't have enough resource: cpu, requested: 6000, used: 3200, capacity: 8000",
                Reason::NodePressureEviction,
            ),
            (
                "SysctlForbidden",
                "Pod was rejected: forbidden sysctl: \"net.core.somaxconn\" not allowlisted",
                Reason::InvalidConfiguration,
            ),
            (
                "NodePorts",
                "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
                Reason::PortConflict,
            ),
        ] {
            let found = refused(reason, message).diagnose();
            assert_eq!(found.reason, wins, "{reason}");
            assert!(found.summary.contains("refused the pod") && found.summary.contains(reason), "{}", found.summary);
            let of_pod =
                matches!(wins, Reason::InvalidConfiguration | Reason::PortConflict | Reason::WrongArchitecture);
            assert_eq!(found.root_cause.is_none(), of_pod, "{reason}: {:?}", found.root_cause);
        }
        let unknown = refused("SomethingNew", "no").diagnose();
        assert_eq!((unknown.reason, unknown.confidence), (Reason::NodeFault, Confidence::Possible));
    }

    #[test]
    fn a_pod_that_ran_was_not_refused() {
        let end = State::Terminated(Terminated { exit_code: 1, reason: "Error".into(), ..Terminated::default() });
        let ran = refused("UnexpectedAdmissionError", "x").with(|w| w.container().status.state = end);
        assert!(ran.examine(examine).is_empty());
        assert!(refused("Evicted", "The node was low on resource: memory.").examine(examine).is_empty());
    }
}
