use super::*;
use crate::diagnose::facts::Attachment;
use crate::diagnose::wants::{Want, wants};
use crate::diagnose::{Confidence, diagnose};

#[test]
fn whoever_holds_the_volume_is_named() {
    let message = r#"Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-0"#;
    let world = world().event("FailedAttachVolume", message, 10).with(|w| {
        let mut other = w.pod().clone();
        other.name = "web-0".into();
        other.uid = "p-0".into();
        other.node = Some("node-2".into());
        other.phase = "Running".into();
        w.cluster.pods.push(other);
    });
    expect(&world, Reason::VolumeAttachConflict, &["web-0", "node-2"]);
    blames(&world, "Pod", "web-0");
    assert!(world.diagnose().remediation[0].command.as_deref().is_some_and(|c| c.contains("Recreate")));
}

#[test]
fn a_node_that_is_gone_may_hold_it() {
    let message = r#"Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can't be attached to another"#;
    let bound = Claim { phase: "Bound".into(), volume: Some("pvc-1".into()), ..claim(None) };
    let attachment =
        Attachment { volume: "pvc-1".into(), node: "node-9".into(), attached: true, ..Attachment::default() };
    let world = with_claim(world(), bound).event("FailedAttachVolume", message, 10);
    expect(&world, Reason::VolumeAttachConflict, &["another node"]);
    let world = world.with(|w| w.cluster.attachments.push(attachment));
    expect(&world, Reason::VolumeAttachConflict, &["node-9"]);
    blames(&world, "Node", "node-9");
    // Attached meanwhile.
    let healed = world.event("SuccessfulAttachVolume", r#"AttachVolume.Attach succeeded for volume "pvc-1" "#, 40);
    assert_ne!(healed.diagnose().reason, Reason::VolumeAttachConflict);
}

#[test]
fn one_pod_only() {
    let message = "0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.";
    let bound = Claim { phase: "Bound".into(), ..claim(None) };
    expect(&with_claim(held(message), bound), Reason::VolumeAttachConflict, &["another pod"]);
}

#[test]
fn a_reason_behind_the_lists_of_a_wait_is_told() {
    let of = |why: &str| {
        let message = format!(
            "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data kube-api-access-x]: {why}"
        );
        self::world().event("FailedMount", &message, 10).diagnose()
    };
    let found = of("volume data has volumeMode Block, but is specified in volumeMounts");
    assert!(found.summary.contains("raw device"), "{}", found.summary);
    assert!(found.remediation[0].text.contains("volumeDevices"), "{:?}", found.remediation);
    let found = of("failed to get Plugin from volumeSpec for volume \"data\": no volume plugin matched");
    assert!(found.summary.contains("no volume plugin matched"), "{}", found.summary);
    assert!(of("timed out waiting for the condition").summary.contains("no event says why"));
}

#[test]
fn mounts_that_fail_and_why() {
    for (message, words) in [
        (
            r#"MountVolume.SetUp failed for volume "store" : hostPath type check failed: /data/x is not a directory"#,
            "hostPath type check failed",
        ),
        (
            r#"MountVolume.NewMounter initialization failed for volume "pv-1" : path "/mnt/gone" does not exist"#,
            "does not exist",
        ),
        (
            r#"MountVolume.MountDevice failed for volume "pv-1" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name ebs.csi.example not found in the list of registered CSI drivers"#,
            "node plugin does not run",
        ),
        (
            "MountVolume.SetUp failed for volume \"pv-1\" : mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs 10.0.0.1:/x /var/lib/kubelet/y\nOutput: mount.nfs: access denied by server while mounting 10.0.0.1:/x\n",
            "refuses this node",
        ),
        (
            r#"AttachVolume.Attach failed for volume "pv-1" : rpc error: code = NotFound desc = InvalidVolume.NotFound: The volume 'vol-1' does not exist."#,
            "does not exist any more",
        ),
    ] {
        let reason = if message.starts_with("Attach") { "FailedAttachVolume" } else { "FailedMount" };
        let world = world().event(reason, message, 10);
        expect(&world, Reason::VolumeMountFailed, &[words, "store"]);
    }
}

#[test]
fn the_telling_event_wins_over_the_one_that_only_waits() {
    let waits = "Unable to attach or mount volumes: unmounted volumes=[store], unattached volumes=[store kube-api-access-x]: timed out waiting for the condition";
    let telling = r#"MountVolume.SetUp failed for volume "store" : hostPath type check failed: /d is not a directory"#;
    let world = world().event("FailedMount", telling, 10).event("FailedMount", waits, 40);
    expect(&world, Reason::VolumeMountFailed, &["hostPath"]);
    let found = diagnose(&world.case());
    assert_eq!((found.confidence, found.evidence.len()), (Confidence::Certain, 2));
}

#[test]
fn a_mount_that_failed_before_the_next_step_is_over() {
    let failure = r#"MountVolume.SetUp failed for volume "store" : hostPath type check failed: /d is not a directory"#;
    let world = world().event("FailedMount", failure, 10).event("Pulling", "Pulling image \"x\"", 20);
    assert_eq!(world.diagnose().reason, Reason::Unknown);
    let passing = "MountVolume.SetUp failed for volume \"store\" : failed to sync configmap cache: timed out waiting for the condition";
    assert_eq!(diagnose(&self::world().event("FailedMount", passing, 5).case()).reason, Reason::Unknown);
}

fn wanted(world: &World) -> Vec<Want> {
    let case = world.case();
    wants(&case, &diagnose(&case))
}

#[test]
fn few_requests_are_asked_for() {
    let missing = wanted(&held(r#"persistentvolumeclaim "data" not found"#));
    assert_eq!(missing.iter().map(Want::key).collect::<Vec<_>>(), ["PersistentVolumeClaim/shop"]);
    let pending = wanted(&held(UNBOUND));
    assert_eq!(pending.iter().map(Want::key).collect::<Vec<_>>(), ["PersistentVolumeClaim/shop/data"]);
    let read = wanted(&with_claim(held(UNBOUND), claim(Some("fast"))));
    assert_eq!(read.iter().map(Want::key).collect::<Vec<_>>(), ["Event/shop/c-1", "StorageClass"]);
    let none = wanted(&with_claim(held(UNBOUND), claim(Some(""))));
    assert!(none.contains(&Want::All { kind: "PersistentVolume" }));
}

#[test]
fn a_broken_file_system_is_not_a_missing_mount_helper() {
    for (message, words) in [
        (
            "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = mount failed: exit status 32\nOutput: mount: /globalmount: wrong fs type, bad option, bad superblock on /dev/sdb, missing codepage or helper program, or other error.",
            "damaged",
        ),
        (
            "MountVolume.SetUp failed for volume \"nfs\" : mount failed: exit status 32\nOutput: mount: wrong fs type, bad option, bad superblock on 10.0.0.9:/export, missing codepage or helper program, or other error",
            "mount helper",
        ),
        (
            "MountVolume.SetUp failed for volume \"pv\" : rpc error: code = Unknown desc = run cmd: mount -t lustre a:/fs /x, with out: mount: mounting a:/fs on /x failed: No such device",
            "the node's kernel lacks that file system",
        ),
    ] {
        expect(&world().event("FailedMount", message, 20), Reason::VolumeMountFailed, &[words]);
    }
}

#[test]
fn limits_of_the_machine_and_attachments_that_do_not_go() {
    for (reason, message, words) in [
        (
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"pvc-1\" : LIMIT_EXCEEDED: Exceeded limit 'maximum_persistent_disks' on resource 'n-1'. Limit: 16",
            "as many disks",
        ),
        (
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"pvc-1\" : The maximum number of data disks allowed to be attached to a VM of this size is 4.",
            "as many disks",
        ),
        (
            "FailedMount",
            "MountVolume.WaitForAttach failed for volume \"pvc-1\" : volume attachment is being deleted",
            "marked for deletion",
        ),
    ] {
        expect(&world().event(reason, message, 20), Reason::VolumeMountFailed, &[words]);
    }
    for message in [
        "failed to publish volume: volume is already attached to a server, please detach it first (service_error)",
        "disk is already attached to another virtual machine",
    ] {
        let message =
            format!("AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal desc = {message}");
        expect(&world().event("FailedAttachVolume", &message, 20), Reason::VolumeAttachConflict, &["in use"]);
    }
}
