//! The CSI driver's node plugin: the pod of a DaemonSet on the same node, by which the driver registers with the kubelet.

use crate::diagnose::facts::{Container, Pod};
use crate::diagnose::{Case, Evidence, Finding, RootCause, Source};

/// The plugin's pod on the node as the object to blame, where it is seen not to be ready.
pub(super) fn blame(case: &Case, text: &str, mut finding: Finding) -> Finding {
    let Some(pod) = plugin(case, text) else { return finding };
    let why = pod.condition("Ready").and_then(|c| c.message.as_deref()).unwrap_or("it is not ready");
    finding.evidence.push(
        Evidence::new(Source::Node, format!("the CSI driver's pod on this node is not ready: {why}"))
            .of(format!("pod {}/{}", pod.namespace, pod.name)),
    );
    let command = format!("kubectl -n {} describe pod {}", pod.namespace, pod.name);
    finding.advise_command(format!("Look at {} first.", pod.name), command).blame(RootCause {
        api_version: "v1".into(),
        kind: "Pod".into(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        workload: Some(pod.workload.clone()).filter(|w| w.kind != "Pod" && !w.name.is_empty()),
        summary: format!("the CSI driver's pod on node {} is not ready", pod.node.as_deref().unwrap_or("?")),
    })
}

/// The pod on this node that registers a driver and is not ready: the one that names the driver, else the only one.
fn plugin<'a>(case: &Case<'a>, text: &str) -> Option<&'a Pod> {
    let node = case.pod.node.as_deref()?;
    let unready = |p: &&Pod| p.condition("Ready").is_some_and(|c| c.status != "True");
    let found: Vec<&Pod> = case
        .cluster
        .pods
        .iter()
        .filter(|p| p.node.as_deref() == Some(node) && p.uid != case.pod.uid && registers(p))
        .filter(unready)
        .collect();
    let driver = text.split("driver name ").nth(1).and_then(|r| r.split_whitespace().next());
    let names = |p: &&&Pod| driver.is_some_and(|d| p.containers.iter().any(|c| mentions(c, d)));
    found.iter().find(names).or(if found.len() == 1 { found.first() } else { None }).copied()
}

/// Whether one of its containers is the registrar that every node plugin brings along.
fn registers(pod: &Pod) -> bool {
    pod.containers.iter().any(|c| c.image.contains("driver-registrar") || c.name.contains("driver-registrar"))
}

fn mentions(container: &Container, driver: &str) -> bool {
    container.command_line().any(|w| w.contains(driver))
        || container.env.iter().any(|e| e.value.as_deref().is_some_and(|v| v.contains(driver)))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::facts::Condition;
    use crate::diagnose::testing::World;

    fn world(ready: &str, image: &str) -> World {
        World::new()
            .waiting("ContainerCreating", "")
            .event(
                "FailedMount",
                "MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name disk.example.io not found in the list of registered CSI drivers",
                9,
            )
            .with(|w| {
                w.pod().phase = "Pending".into();
                let mut plugin = World::new().pod().clone();
                plugin.name = "disk-node-x7".into();
                plugin.uid = "p-9".into();
                plugin.containers[0].image = image.into();
                plugin.conditions.push(Condition { kind: "Ready".into(), status: ready.into(), ..Default::default() });
                w.cluster.pods.push(plugin);
            })
    }

    #[test]
    fn the_node_plugin_that_is_not_ready_is_to_blame() {
        let registrar = "registry.example/csi-node-driver-registrar:v2";
        let root = world("False", registrar).diagnose().root_cause.expect("a root cause");
        assert_eq!((root.kind.as_str(), root.name.as_str()), ("Pod", "disk-node-x7"));
        assert_eq!(world("True", registrar).diagnose().root_cause, None);
        assert_eq!(world("False", "registry.example/web:1").diagnose().root_cause, None);
    }
}
