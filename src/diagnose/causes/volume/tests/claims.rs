use super::*;
use crate::diagnose::Confidence;

#[test]
fn a_missing_claim_in_the_words_of_all_releases() {
    for message in [
        r#"persistentvolumeclaim "data" not found"#,
        r#"0/1 nodes are available: persistentvolumeclaim "data" not found. not found"#,
        r#"0/3 nodes are available: 3 persistentvolumeclaim "data" not found."#,
        r#"persistentvolumeclaim "data" is being deleted"#,
        r#"0/1 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "data"."#,
    ] {
        let world = held(message);
        expect(&world, Reason::PvcNotFound, &["data"]);
        assert_eq!(world.diagnose().confidence, Confidence::Certain);
        blames(&world, "PersistentVolumeClaim", "data");
    }
    let kubelet = r#"Unable to attach or mount volumes: unmounted volumes=[store], unattached volumes=[], failed to process volumes=[store]: error processing PVC shop/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found"#;
    expect(&world().event("FailedMount", kubelet, 20), Reason::PvcNotFound, &["data"]);
}

#[test]
fn claims_nearby_are_named() {
    let near =
        with_claim(held(r#"persistentvolumeclaim "data" not found"#), Claim { name: "data-1".into(), ..claim(None) });
    assert!(near.diagnose().remediation.iter().any(|r| r.text.contains("Did you mean \"data-1\"?")));
    let other = Claim { namespace: "default".into(), ..claim(None) };
    let elsewhere = with_claim(held(r#"persistentvolumeclaim "data" not found"#), other);
    assert!(elsewhere.diagnose().remediation[0].text.contains("the one in default"));
}

#[test]
fn a_sentence_that_is_out_of_date_is_not_believed() {
    let bound = Claim { phase: "Bound".into(), ..claim(None) };
    let found = with_claim(held(r#"persistentvolumeclaim "data" not found"#), bound.clone()).diagnose();
    assert_eq!(found.reason, Reason::Unknown, "{}", found.summary);
    let found = claim_event(
        with_claim(held(UNBOUND), bound),
        "ProvisioningFailed",
        r#"storageclass.storage.k8s.io "fast" not found"#,
    );
    assert_eq!(found.diagnose().reason, Reason::Unknown);
    // The condition is the present: an older event about a claim is history.
    let cpu = held("0/3 nodes are available: 3 Insufficient cpu.").event("FailedScheduling", UNBOUND, 5);
    assert_eq!(cpu.diagnose().reason, Reason::Unknown);
}

#[test]
fn an_unbound_claim_that_was_not_read_is_pending() {
    let world = held(UNBOUND);
    expect(&world, Reason::PvcPending, &["data", "not bound"]);
    blames(&world, "PersistentVolumeClaim", "data");
}

#[test]
fn a_provisioner_that_does_not_run_is_named() {
    for message in [
        "Waiting for a volume to be created either by the external provisioner 'block.csi.example' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
        r#"waiting for a volume to be created, either by external provisioner "block.csi.example" or manually created by system administrator"#,
    ] {
        let world = claim_event(with_claim(held(UNBOUND), claim(Some("fast"))), "ExternalProvisioning", message);
        expect(&world, Reason::PvcPending, &["block.csi.example"]);
    }
}

#[test]
fn a_provisioners_error_is_quoted() {
    let message = r#"failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = VolumeLimitExceeded: too many"#;
    let world = claim_event(with_claim(held(UNBOUND), claim(Some("fast"))), "ProvisioningFailed", message)
        .with(|w| w.cluster.storage_classes.push(class("fast", "block.csi.example")));
    expect(&world, Reason::PvcPending, &["VolumeLimitExceeded: too many"]);
    assert!(world.diagnose().remediation[0].text.contains("quota"));
}

#[test]
fn a_claim_for_its_first_consumer_is_no_fault_by_itself() {
    let waits = |w: &mut World| {
        w.cluster.storage_classes.push(StorageClass { wait_for_consumer: true, ..class("fast", "block.csi.example") });
    };
    let cpu = with_claim(held("0/3 nodes are available: 3 Insufficient cpu."), claim(Some("fast"))).with(waits);
    assert_eq!(cpu.diagnose().reason, Reason::Unknown);
    // Chosen a node, and then silence.
    let silent = with_claim(world().with(|w| w.pod().node = None), claim(Some("fast"))).with(waits);
    expect(&silent, Reason::PvcPending, &["data", "block.csi.example"]);
    let timed_out = with_claim(
        held(r#"running PreBind plugin "VolumeBinding": binding volumes: timed out waiting for the condition"#),
        claim(Some("fast")),
    );
    expect(&timed_out.with(waits), Reason::PvcPending, &["data"]);
}

#[test]
fn a_class_that_does_not_exist() {
    let world = claim_event(
        with_claim(held(UNBOUND), claim(Some("gp3-encryptd"))),
        "ProvisioningFailed",
        r#"storageclass.storage.k8s.io "gp3-encryptd" not found"#,
    )
    .with(|w| w.cluster.storage_classes.push(StorageClass { default: true, ..class("gp3-encrypted", "ebs") }));
    expect(&world, Reason::StorageClassNotFound, &["gp3-encryptd"]);
    blames(&world, "PersistentVolumeClaim", "data");
    let found = world.diagnose();
    assert_eq!(found.confidence, Confidence::Certain);
    assert!(found.remediation[0].text.contains("Did you mean \"gp3-encrypted\"?"), "{}", found.remediation[0].text);
    // Without the event the list of all classes says the same.
    let listed = with_claim(held(UNBOUND), claim(Some("x"))).with(|w| w.cluster.listed.push("StorageClass".into()));
    expect(&listed, Reason::StorageClassNotFound, &["\"x\""]);
    // Made meanwhile: the event is history.
    let made = world.with(|w| w.cluster.storage_classes.push(class("gp3-encryptd", "ebs")));
    expect(&made, Reason::PvcPending, &["data"]);
}

#[test]
fn volumes_that_do_not_fit_are_compared_with_the_claim() {
    const NONE: &str = "no persistent volumes available for this claim and no storage class is set";
    let base = || claim_event(with_claim(held(UNBOUND), claim(Some(""))), "FailedBinding", NONE);
    let with = |v: Volume| base().with(|w| w.cluster.volumes.push(v));
    expect(&with(volume("pv-1", 50)), Reason::NoMatchingVolume, &["asks for 100Gi", "pv-1 has 50Gi"]);
    let rwx = with(volume("pv-1", 200)).with(|w| w.cluster.claims[0].access_modes = vec!["ReadWriteMany".into()]);
    expect(&rwx, Reason::NoMatchingVolume, &["wants ReadWriteMany", "offers ReadWriteOnce"]);
    let released = Volume { phase: "Released".into(), claim: Some("shop/old".into()), ..volume("pv-1", 200) };
    expect(&with(released), Reason::NoMatchingVolume, &["Released", "shop/old"]);
    let other = Volume { class: Some("manual".into()), ..volume("pv-1", 200) };
    expect(&with(other), Reason::NoMatchingVolume, &["manual"]);
    let block = Volume { mode: "Block".into(), ..volume("pv-1", 200) };
    expect(&with(block), Reason::NoMatchingVolume, &["volumeMode"]);
    blames(&with(volume("pv-1", 50)), "PersistentVolumeClaim", "data");
}

#[test]
fn a_class_name_that_only_volumes_have_is_no_missing_class() {
    let world = claim_event(
        with_claim(held(UNBOUND), claim(Some("manual"))),
        "ProvisioningFailed",
        r#"storageclass.storage.k8s.io "manual" not found"#,
    )
    .with(|w| w.cluster.volumes.push(Volume { class: Some("manual".into()), ..volume("pv-1", 10) }));
    expect(&world, Reason::NoMatchingVolume, &["pv-1 has 10Gi"]);
}

#[test]
fn no_default_class_and_no_provisioner() {
    const NONE: &str = "no persistent volumes available for this claim and no storage class is set";
    let world = claim_event(with_claim(held(UNBOUND), claim(None)), "FailedBinding", NONE)
        .with(|w| w.cluster.storage_classes.push(class("nfs", "nfs.example")));
    expect(&world, Reason::NoMatchingVolume, &["names no class", "nfs"]);
    // Somebody else's volume, and one that is too small, are not what it lacks; one that would do is.
    let other = |v: Volume| {
        let v = Volume { class: Some("manual".into()), ..v };
        claim_event(with_claim(held(UNBOUND), claim(None)), "FailedBinding", NONE)
            .with(|w| w.cluster.storage_classes.push(class("nfs", "nfs.example")))
            .with(|w| w.cluster.volumes.push(v))
    };
    let taken = Volume { phase: "Bound".into(), claim: Some("bank/data".into()), ..volume("pv-1", 200) };
    expect(&other(taken), Reason::NoMatchingVolume, &["names no class", "nfs"]);
    expect(&other(volume("pv-1", 50)), Reason::NoMatchingVolume, &["names no class", "nfs"]);
    expect(&other(volume("pv-1", 200)), Reason::NoMatchingVolume, &["it has no class", "pv-1 has manual"]);
    // One without a class is what it would have got, were it free and large enough.
    let held_by_bank =
        |size| Volume { phase: "Bound".into(), claim: Some("bank/data".into()), class: None, ..volume("pv-1", size) };
    let classless = |v: Volume| {
        claim_event(with_claim(held(UNBOUND), claim(None)), "FailedBinding", NONE).with(|w| w.cluster.volumes.push(v))
    };
    expect(&classless(held_by_bank(50)), Reason::NoMatchingVolume, &["names no class"]);
    let small = |w: World| w.with(|w| w.cluster.storage_classes.push(class("nfs", "nfs.example")));
    let free = Volume { class: None, ..volume("pv-1", 50) };
    expect(&classless(free.clone()), Reason::NoMatchingVolume, &["pv-1 has 50Gi"]);
    expect(&small(classless(free)), Reason::NoMatchingVolume, &["names no class", "nfs"]);
    expect(&classless(held_by_bank(200)), Reason::NoMatchingVolume, &["is taken by bank/data"]);
    // It got the default class later: the event is history.
    let later = claim_event(with_claim(held(UNBOUND), claim(Some("nfs"))), "FailedBinding", NONE)
        .with(|w| w.cluster.storage_classes.push(class("nfs", "nfs.example")));
    expect(&later, Reason::PvcPending, &["nfs.example"]);
    let local = with_claim(
        held("0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind."),
        claim(Some("local")),
    )
    .with(|w| w.cluster.storage_classes.push(class("local", "kubernetes.io/no-provisioner")));
    expect(&local, Reason::NoMatchingVolume, &["data"]);
}

#[test]
fn a_lost_volume_and_one_in_another_zone() {
    let lost = Claim { phase: "Lost".into(), volume: Some("pv-9".into()), ..claim(None) };
    expect(&with_claim(held(UNBOUND), lost), Reason::NoMatchingVolume, &["pv-9", "Lost"]);
    let bound = Claim { phase: "Bound".into(), volume: Some("pv-9".into()), ..claim(None) };
    let zone = Volume { node_affinity: Some("topology.kubernetes.io/zone in (eu-1a)".into()), ..volume("pv-9", 100) };
    let world = with_claim(held("0/3 nodes are available: 3 node(s) had volume node affinity conflict."), bound)
        .with(|w| w.cluster.volumes.push(zone));
    expect(&world, Reason::NoMatchingVolume, &["zone in (eu-1a)"]);
}

#[test]
fn a_pod_put_on_its_node_past_the_scheduler_waits_for_ever() {
    let waits =
        |w: World| claim_event(w, "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
    let kubelet = "Unable to attach or mount volumes: unmounted volumes=[store]: error processing PVC shop/data: PVC is not bound";
    let placed = || waits(with_claim(world().event("FailedMount", kubelet, 20), claim(Some("local"))));
    expect(&placed(), Reason::PvcPending, &["past the scheduler", "spec.nodeName"]);
    blames(&placed(), "PersistentVolumeClaim", "data");
    let scheduled = placed().event("Scheduled", "Successfully assigned shop/web-1 to node-1", 1).diagnose();
    assert!(!scheduled.summary.contains("past the scheduler"), "{}", scheduled.summary);
}

#[test]
fn fargate_says_in_its_own_words_that_a_claim_waits() {
    let message =
        "Pod not supported on Fargate: volumes not supported: store not supported because: PVC data not bound";
    let world = with_claim(held(message), claim(Some("gp2")));
    expect(&world, Reason::PvcPending, &["data"]);
    blames(&world, "PersistentVolumeClaim", "data");
}
