//! SandboxFailed: the pod's sandbox (its network namespace and pause container) cannot be made.
//!
//! Words of the kubelet: Warning `FailedCreatePodSandBox` `Failed to create pod sandbox: rpc error: code = Unknown desc = …`
//! (each try has a new sandbox id and is an event of its own, then `(combined from similar events): …`), Warning
//! `NetworkNotReady` `network is not ready: … cni plugin not initialized`, `FailedCreatePodContainer` for the pod's cgroup.
//! A limit too small even for the sandbox is `memory::oom`'s matter.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::causes::memory::oom::is_too_small;
use crate::diagnose::facts::Pod;
use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::{self, cut};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, RootCause, Source};

/// Events of the kubelet about the sandbox.
const REASONS: &[&str] =
    &["FailedCreatePodSandBox", "NetworkNotReady", "FailedPodSandBoxStatus", "FailedCreatePodContainer", "FailedSync"];

/// What is to blame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The node, or the network plugin on it.
    Node,
    /// The pod's spec.
    Spec,
}

use Blame::{Node, Spec};

/// (words in lower case, all of them; what it means; what to do; whose fault). The first match counts.
#[rustfmt::skip]
const SHAPES: &[(&[&str], &str, &str, Blame)] = &[
    (&["no runtime for", "configured"], "the node's container runtime does not know the RuntimeClass's handler", "Install the handler on the node, correct runtimeClassName, or give the RuntimeClass a nodeSelector for nodes that have it.", Spec),
    (&["failed to find runtime handler"], "the node's container runtime does not know the RuntimeClass's handler", "Install the handler on the node, correct runtimeClassName, or give the RuntimeClass a nodeSelector for nodes that have it.", Spec),
    (&["runtimehandler", "not supported"], "the node's container runtime does not know the RuntimeClass's handler", "Install the handler on the node, or correct runtimeClassName.", Spec),
    (&["runtimeclass", "not found"], "the pod's RuntimeClass does not exist", "Create the RuntimeClass, or correct runtimeClassName.", Spec),
    (&["/proc/sys/", "no such file"], "the node's kernel does not have a sysctl that the pod sets", "Correct securityContext.sysctls, load the kernel module that brings the setting, or use nodes whose kernel has it.", Spec),
    (&["blocked by policy"], "the policy of the pod's sandbox (its guest's agent) does not allow what the runtime asks for", "Make the policy anew, for this pod and for the versions of kubelet and runtime on the nodes.", Spec),
    (&["sysctl"], "a sysctl of the pod cannot be set on this node", "Allow it in the kubelet (--allowed-unsafe-sysctls), or take it out of securityContext.sysctls.", Spec),
    (&["no ip addresses available"], "the network plugin has no address left in the node's range", "Free leaked allocations (/var/lib/cni/networks on the node after crashes), enlarge the node's range, or run fewer pods there.", Node),
    (&["failed to allocate for range"], "the network plugin cannot allocate an address in the node's range", "Free leaked allocations (/var/lib/cni/networks on the node after crashes), enlarge the node's range, or run fewer pods there.", Node),
    (&["failed to assign an ip address"], "the network plugin has no address to give (subnet or interfaces of the node are full)", "Enlarge the subnet or enable prefix delegation, run fewer pods per node; look at the aws-node pod's log.", Node),
    (&["no more ips"], "the network plugin has no address left", "Enlarge the pool, or free leaked addresses.", Node),
    (&["no free ip"], "the network plugin has no address left", "Enlarge the pool, or free leaked addresses.", Node),
    (&["range is full"], "the network plugin has no address left", "Enlarge the pool, or free leaked addresses.", Node),
    (&["no available ip"], "the network plugin has no address left", "Enlarge the pool, or free leaked addresses.", Node),
    (&["ip pool", "exhausted"], "the network plugin has no address left", "Enlarge the pool, or free leaked addresses.", Node),
    (&["unable to allocate ip"], "the network plugin cannot allocate an address", "Look at its address management: is the pool full, does its agent answer?", Node),
    (&["cni plugin not initialized"], "the node has no network plugin that works yet", "Look at the network plugin's pod on this node (calico, cilium, flannel, aws-node, …); repair it first.", Node),
    (&["cni config uninitialized"], "the node has no network plugin that works yet", "Look at the network plugin's pod on this node; repair it first.", Node),
    (&["no networks found in /etc/cni"], "the node has no network configuration", "Look at the network plugin's pod on this node: it writes /etc/cni/net.d.", Node),
    (&["network is not ready"], "the node's network is not ready", "Look at the network plugin's pod on this node; repair it first.", Node),
    (&["failed to find plugin"], "a CNI plugin's program is not on the node", "Install the standard CNI plugins in the node's bin dir (/opt/cni/bin), or correct the configuration in /etc/cni/net.d.", Node),
    (&["unauthorized"], "the network plugin's credentials are refused by the API server", "Restart the network plugin's pod on this node, so that it writes new credentials; check that its token is renewed.", Node),
    (&["forbidden"], "the network plugin may not do what it has to", "Check the rights (RBAC) of the network plugin.", Node),
    (&["/run/flannel/subnet.env"], "flannel does not run on the node", "Look at the flannel pod on this node; repair it first.", Node),
    (&["/var/lib/calico/nodename"], "calico-node does not run on the node", "Look at the calico-node pod on this node; repair it first.", Node),
    (&["cilium.sock"], "the cilium agent does not answer on the node", "Look at the cilium pod on this node; repair it first.", Node),
    (&["failed to get sandbox image"], "the sandbox (pause) image cannot be pulled", "Make the sandbox image available to the node: registry mirror, proxy, or sandbox_image in the runtime's configuration.", Node),
    (&["failed pulling image"], "the sandbox (pause) image cannot be pulled", "Make the sandbox image available to the node: registry mirror, proxy, or the runtime's sandbox image setting.", Node),
    (&["pause", "pull"], "the sandbox (pause) image cannot be pulled", "Make the sandbox image available to the node: registry mirror, proxy, or the runtime's sandbox image setting.", Node),
    (&["address already in use"], "a host port of the pod is taken on the node", "Find what uses the port on the node, or choose another hostPort.", Spec),
    (&["too many open files"], "the node ran out of file handles", "Raise fs.inotify and file limits on the node, or find what leaks them.", Node),
    (&["no space left on device"], "the node has no space (disk, cgroups or inotify watches) left", "Free space on the node; where the disk is not full, look for leaked cgroups or inotify watches.", Node),
    (&["resource temporarily unavailable"], "the node has no more processes or threads", "Find what leaks processes on the node, or raise its limits.", Node),
    (&["cannot allocate memory"], "the node has no memory left for it", "Look at the node's memory; leaked cgroups take kernel memory as well.", Node),
    (&["is reserved for"], "an earlier attempt at the sandbox still hangs in the container runtime", "Look at the runtime on the node (journalctl -u containerd): it is slow or hangs; restart it if it does not recover.", Node),
    (&["cgroup"], "the node cannot set up the pod's cgroup", "Compare the cgroup drivers of kubelet and container runtime (systemd or cgroupfs), and look at the node's kernel log.", Node),
    (&["apparmor"], "the node cannot apply the AppArmor profile", "Load the profile on the node, or use RuntimeDefault.", Node),
    (&["seccomp"], "the node cannot apply the seccomp profile", "Put the profile on the node, or use RuntimeDefault.", Node),
    (&["connection refused"], "the network plugin cannot reach its agent or the API server", "Look at the network plugin's pod on this node, and whether the node reaches the API server's Service address.", Node),
    (&["i/o timeout"], "the network plugin cannot reach its agent or the API server", "Look at the network plugin's pod on this node, and whether the node reaches the API server's Service address.", Node),
    (&["deadline"], "runtime or network plugin did not answer in time", "Look at the node's load, at its container runtime and at the network plugin's pod there.", Node),
    (&["plugin type="], "the network plugin fails", "Look at the network plugin's pod on this node: its log has the cause.", Node),
    (&["networkplugin cni failed"], "the network plugin fails", "Look at the network plugin's pod on this node: its log has the cause.", Node),
    (&["network for"], "the network plugin fails", "Look at the network plugin's pod on this node: its log has the cause.", Node),
];

static PLUGIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"plugin type=\\?"([a-z0-9-]+)"#).ok());

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut said = stated::on_stuck_pod(case, REASONS);
    if said.iter().any(|s| is_too_small(case, s.text)) {
        return Vec::new();
    }
    // FailedSync goes along with troubles of every kind.
    said.retain(|s| s.reason != "FailedSync" || shape(s.text).is_some());
    let Some(newest) = said.first() else { return Vec::new() };
    // A passing refusal (the runtime was restarted) does not hide what every other try says.
    let known = said.iter().take(4).find(|s| shape(s.text).is_some());
    vec![finding(case, known.unwrap_or(newest))]
}

type Shape = (&'static [&'static str], &'static str, &'static str, Blame);

fn shape(text: &str) -> Option<&'static Shape> {
    let lower = text.to_lowercase();
    SHAPES.iter().find(|(words, ..)| words.iter().all(|w| lower.contains(w)))
}

/// The innermost words: what stands behind the last `desc = `, without the ids before the plugin's own error.
fn inner(text: &str) -> &str {
    let rest = text.rsplit_once(" desc = ").map_or(text, |(_, rest)| rest);
    let rest = rest.rsplit_once("failed (add): ").map_or(rest, |(_, rest)| rest);
    let rest = rest.rsplit_once("\" network: ").map_or(rest, |(_, rest)| rest).trim();
    let shim = "failed to create containerd task: ";
    rest.find(shim).map_or(rest, |i| stated::innermost(&rest[i + shim.len()..]).trim_matches('"'))
}

fn finding(case: &Case, said: &Said) -> Finding {
    let shape = shape(said.text);
    let quote = cut(&words::short_ids(inner(said.text)), 200);
    let node = case.pod.node.as_deref().map_or_else(String::new, |n| format!(" on node {n}"));
    let means = shape.map_or_else(|| quote.clone(), |s| format!("{} ({quote})", s.1));
    let text = format!(
        "{} cannot start: the pod's sandbox cannot be made{node}: {}.",
        case.container.name,
        means.trim_end_matches('.')
    );
    let confidence = if shape.is_some() { Confidence::Certain } else { Confidence::Likely };
    let mut finding = Finding::new(Reason::SandboxFailed, confidence, Basis::Stated, text).evidence(said.evidence());
    if let Some((_, _, advice, _)) = shape {
        finding = finding.advise(*advice);
    }
    if shape.is_some_and(|s| s.3 == Spec) {
        if let Some(class) = &case.pod.runtime_class {
            finding.evidence.push(Evidence::new(Source::PodSpec, format!("runtimeClassName {class}")));
        }
        return finding;
    }
    finding = match super::cordon(case) {
        Some((text, command)) => finding.advise_command(text, command),
        None => finding,
    };
    blame(case, said.text, quote, finding)
}

/// The plugin's own pod on that node where it is not ready; else the node.
fn blame(case: &Case, text: &str, quote: String, mut finding: Finding) -> Finding {
    if let Some(pod) = plugin_pod(case, text) {
        let ready = pod.condition("Ready");
        let why = ready.and_then(|c| c.message.as_deref()).unwrap_or("it is not ready");
        finding.evidence.push(
            Evidence::new(Source::Node, format!("the network plugin's pod on this node is not ready: {why}"))
                .of(format!("pod {}/{}", pod.namespace, pod.name)),
        );
        return finding.blame(RootCause {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            workload: Some(pod.workload.clone()).filter(|w| w.kind != "Pod" && !w.name.is_empty()),
            summary: format!("the network plugin's pod on node {} is not ready", pod.node.as_deref().unwrap_or("?")),
        });
    }
    finding.root_cause = super::root(case, quote);
    finding
}

fn plugin_pod<'a>(case: &Case<'a>, text: &str) -> Option<&'a Pod> {
    const KNOWN: &[&str] =
        &["calico", "cilium", "flannel", "aws-node", "weave", "antrea", "kube-router", "ovn", "multus"];
    let named = PLUGIN.as_ref().and_then(|r| r.captures_iter(text).last()).and_then(|c| c.get(1)).map(|m| m.as_str());
    let is_it = |p: &Pod| named.is_some_and(|n| p.name.contains(n)) || KNOWN.iter().any(|k| p.name.starts_with(k));
    let node = case.pod.node.as_deref()?;
    case.cluster.pods.iter().find(|p| {
        p.node.as_deref() == Some(node)
            && p.uid != case.pod.uid
            && p.condition("Ready").is_some_and(|c| c.status != "True")
            && is_it(p)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    fn sandbox(text: &str) -> World {
        let message = format!("Failed to create pod sandbox: rpc error: code = Unknown desc = {text}");
        World::new().waiting("ContainerCreating", "").event("FailedCreatePodSandBox", &message, 10)
    }

    #[test]
    fn the_text_tells_which_part_fails() {
        for (text, words) in [
            (
                r#"failed to set up sandbox container "6d68" network for pod "api-0": networkPlugin cni failed to set up pod "api-0_x" network: failed to allocate for range 0: no IP addresses available in range set: 10.233.66.1-10.233.66.254"#,
                "no address left",
            ),
            (
                r#"failed to setup network for sandbox "5b": plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized: Unauthorized"#,
                "credentials are refused",
            ),
            (r#"failed to get sandbox image "registry.example/pause:3.9": failed to pull image"#, "pause"),
            (
                r"failed to create pod sandbox: unable to start container process: open /x: too many open files",
                "file handles",
            ),
            (
                r#"failed to reserve sandbox name "web-1_shop_p-1_0": name "web-1_shop_p-1_0" is reserved for "0c1d""#,
                "still hangs",
            ),
            (r#"failed to setup network for sandbox "5b": plugin type="foo" failed (add): out of luck"#, "out of luck"),
        ] {
            let found = sandbox(text).diagnose();
            assert_eq!((found.reason, found.confidence), (Reason::SandboxFailed, Confidence::Certain), "{text}");
            assert!(found.summary.contains(words), "{}", found.summary);
            assert_eq!(found.root_cause.map(|r| r.kind).as_deref(), Some("Node"));
        }
    }

    #[test]
    fn a_runtime_class_that_the_node_does_not_know_is_not_the_nodes_fault() {
        let found = sandbox(r#"unable to get OCI runtime for sandbox "1": no runtime for "runsc" is configured"#)
            .with(|w| w.pod().runtime_class = Some("gvisor".into()))
            .diagnose();
        assert_eq!((found.reason, found.root_cause), (Reason::SandboxFailed, None));
        assert!(found.evidence.iter().any(|e| e.detail.contains("gvisor")));
    }

    #[test]
    fn what_the_pod_itself_asks_for_is_not_the_nodes_fault() {
        let runc = "failed to start sandbox \"1\": failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ";
        for (text, words) in [
            (format!("{runc}open /proc/sys/net/x: no such file or directory: unknown"), "(open /proc/sys/net/x: no such file or directory)"),
            ("failed to create containerd task: failed to create shim task: \"CreateContainerRequest is blocked by policy: x\"".into(), "(CreateContainerRequest is blocked by policy: x)"),
        ] {
            let found = sandbox(&text).diagnose();
            assert_eq!((found.reason, found.root_cause), (Reason::SandboxFailed, None), "{text}");
            assert!(found.summary.contains(words), "{}", found.summary);
        }
    }

    #[test]
    fn unknown_words_are_quoted() {
        let found = sandbox("the frobnicator refused").diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::SandboxFailed, Confidence::Likely));
        assert!(found.summary.contains("frobnicator"));
    }

    #[test]
    fn a_limit_that_is_too_small_is_memory() {
        let world = sandbox("runc create failed: container init was OOM-killed (memory limit too low?)").event(
            "FailedCreatePodSandBox",
            "… cannot start a stopped process",
            12,
        );
        assert_eq!(world.diagnose().reason, Reason::MemoryLimitExceeded);
    }

    #[test]
    fn a_second_try_that_works_ends_it() {
        let world = sandbox("plugin type=\"x\" failed (add): y").event("Pulling", "Pulling image \"x\"", 30);
        assert_eq!(world.diagnose().reason, Reason::Unknown);
        assert_eq!(World::new().event("FailedCreatePodSandBox", "x", 1).examine(examine), []);
    }

    #[test]
    fn a_plugin_that_is_not_ready_on_that_node_is_to_blame() {
        let world =
            sandbox(r#"plugin type="calico" failed (add): stat /var/lib/calico/nodename: no such file or directory"#)
                .with(|w| {
                    let mut plugin = World::new().pod().clone();
                    plugin.name = "calico-node-x7".into();
                    plugin.uid = "p-9".into();
                    plugin.conditions.push(crate::diagnose::facts::Condition {
                        kind: "Ready".into(),
                        status: "False".into(),
                        ..Default::default()
                    });
                    w.cluster.pods.push(plugin);
                });
        let root = world.diagnose().root_cause.expect("a root cause");
        assert_eq!((root.kind.as_str(), root.name.as_str()), ("Pod", "calico-node-x7"));
    }

    #[test]
    fn what_else_is_on_the_node_is_asked_for_once() {
        let asks = |world: &World| {
            let case = world.case();
            let wants = crate::diagnose::wants::wants(&case, &crate::diagnose::diagnose(&case));
            wants.iter().any(|w| w.key() == "Pod@node/node-1")
        };
        let world = sandbox(r#"plugin type="calico" failed (add): timeout"#);
        assert!(asks(&world));
        assert!(!asks(&world.with(|w| w.cluster.listed.push("Pod@node/node-1".into()))));
        assert!(!asks(&World::new().crashed(1, "Error", 2)));
    }
}
