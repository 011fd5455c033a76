//! VolumeMountFailed: the volume is known, but it cannot be attached or mounted.
//!
//! Words of the kubelet (FailedMount): `MountVolume.SetUp failed for volume "x" : <why>`, `MountVolume.MountDevice failed …`,
//! `MountVolume.WaitForAttach failed …`, `MapVolume.SetUpDevice failed …`, and after two minutes `Unable to attach or mount
//! volumes: unmounted volumes=[x], unattached volumes=[…]: timed out waiting for the condition`; of the attach-detach
//! controller (FailedAttachVolume): `AttachVolume.Attach failed for volume "x" : <why>`; of the scheduler: `node(s) exceed max
//! volume count`. What a ConfigMap or Secret lacks is `start::config`'s matter; a late cache heals by itself.

use std::sync::LazyLock;

use regex::Regex;

use super::{about, attach, bound_volume, driver, scheduler, used};
use crate::diagnose::facts::{Volume, VolumeSource};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// (words in lower case, all of them; what it means; what to do)
#[rustfmt::skip]
const SHAPES: &[(&[&str], &str, &str)] = &[
    (&["hostpath type check failed"], "the node has no such path, or it is of another type", "Create the path on every node that the pod may run on, or use type DirectoryOrCreate (or no type)."),
    (&["path", "does not exist"], "the path does not exist on the node", "Create the path on the node, or correct the volume's path."),
    (&["not found in the list of registered csi drivers"], "the CSI driver's node plugin does not run on this node", "Repair the driver's DaemonSet on this node (taints, a crash, a new node), or install the driver."),
    (&["csinode", "not found"], "the node has not registered any CSI driver yet", "Look at the CSI driver's DaemonSet and the kubelet on this node."),
    (&["bad superblock on /dev/"], "the file system on the device is damaged, or it is not the one of fsType", "Look at dmesg on the node. After a snapshot repair it there (fsck, xfs_repair); compare fsType with what the device holds (blkid)."),
    (&["bad option", "helper program"], "the node lacks the mount helper of that file system (such as nfs-common, cifs-utils)", "Install the client tools on the node: nfs-common or nfs-utils for NFS, cifs-utils for SMB."),
    (&["unknown filesystem type"], "the node's kernel does not know that file system", "Install or load the file system's client on the node, or use another fsType."),
    (&["wrong fs type"], "the device has another file system, a broken one, or the node lacks its mount helper", "Compare fsType with what the device holds; check that the client tools (nfs-common, cifs-utils) are on the node; look at dmesg there."),
    (&["access denied by server"], "the NFS server refuses this node", "Add the node to the server's export list; check the path and its options."),
    (&["mount.nfs", "no such file or directory"], "the NFS server does not have that path", "Correct the path, or create it on the server."),
    (&["mount.nfs", "connection refused"], "the NFS server does not answer on its port", "Check server address, its service and the firewall (2049)."),
    (&["mount.nfs", "connection timed out"], "the NFS server cannot be reached", "Check server address, routes and the firewall (2049)."),
    (&["no route to host"], "the storage server cannot be reached", "Check the server's address and the network between."),
    (&["failed to resolve server"], "the storage server's name does not resolve on the node", "The node resolves it, not the cluster's DNS: use an address or a name that nodes know."),
    (&["rpc.statd"], "NFS locking does not work on the node", "Start rpc-statd on the node, or mount with nolock or nfsvers=4."),
    (&["protocol not supported"], "server and node agree on no protocol version", "Set the version in mountOptions (nfsvers=…, vers=…)."),
    (&["volumemode block", "volumemounts"], "the claim is a raw device (volumeMode: Block), and volumeMounts wants a file system", "List it under volumeDevices (with devicePath) in place of volumeMounts, or make the claim anew with volumeMode: Filesystem."),
    (&["volumemode filesystem", "volumedevices"], "the claim holds a file system (volumeMode: Filesystem), and volumeDevices wants a raw device", "List it under volumeMounts in place of volumeDevices, or make the claim anew with volumeMode: Block."),
    (&["fsck"], "the file system check found errors", "Look at the device from a rescue pod, after a snapshot; repair it with fsck there."),
    (&["structure needs cleaning"], "the file system on the device is damaged", "Repair it with fsck or xfs_repair, after a snapshot."),
    (&["already mounted or mount point busy"], "the device or mount point is busy on the node", "See what holds it on the node (an earlier mount, multipathd)."),
    (&["stale file handle"], "a stale network mount is left on the node", "Unmount it there, or restart the driver's pod on that node."),
    (&["transport endpoint is not connected"], "a network mount on the node lost its process", "Restart the driver's pod on that node."),
    (&["maximum_persistent_disks"], "the node has as many disks as its machine type may have", "Let the pod run on another node, or use machine types that attach more disks."),
    (&["maximum number of", "disks"], "the node has as many disks as its machine type may have", "Let the pod run on another node, or use machine types that attach more disks."),
    (&["external-attacher"], "nobody attaches it: the controller of its CSI driver does not run", "Check that the driver is installed and that its controller (attacher) runs. A driver that attaches nothing (NFS, EFS) says so in its CSIDriver object: attachRequired: false."),
    (&["attachment is being deleted"], "an old attachment of it is marked for deletion and does not go", "See what still holds the VolumeAttachment: its finalizer is removed by the driver's attacher once the volume is detached (kubectl get volumeattachments; the log of the driver's controller)."),
    (&["an operation with the given volume"], "an earlier operation on it still hangs in the driver", "Look at the driver's pod on this node and at the network from the node to the storage: the first try hangs, the later ones only meet it."),
    (&["no such device"], "the device is gone, or the node's kernel lacks that file system", "Load or install the file system's kernel module on the node (modprobe), or look where the device is."),
    (&["attachment", "limit"], "the node has as many volumes as it can attach", "Let the pod run on another node, or use nodes that attach more volumes."),
    (&["max volume count"], "no node can attach one more volume", "Add a node, or remove pods with volumes from one."),
    (&["not authorized"], "the driver may not attach it", "Check role and credentials of the CSI driver."),
    (&["unauthorizedoperation"], "the driver may not attach it", "Check role and credentials of the CSI driver."),
    (&["invalidvolume.notfound"], "the disk behind the volume does not exist any more", "Restore it from a snapshot, or make the claim anew."),
    (&["volume", "not found"], "the storage does not know the volume", "Look whether the disk or share still exists; restore it, or make the claim anew."),
    (&["subpath", "outside"], "the subPath leads out of the volume", "Correct subPath."),
    (&["failed to fetch token"], "the pod's service account token cannot be made", "Check that the service account exists and that the API server answers."),
    (&["secrets \""], "a Secret that the driver needs cannot be read", "Create the Secret that the class or volume names for the driver, and let the driver read it."),
    (&["permission denied"], "the node or driver may not use it", "Check rights and credentials: of the export, the path on the node, the driver."),
    (&["input/output error"], "the device or share gives errors", "Look at dmesg on the node and at the storage."),
    (&["exit status 32"], "the mount command on the node failed", "Read the mount command's output in the event; try it by hand on the node."),
    (&["deadlineexceeded"], "the driver did not answer in time", "Look at the CSI driver's pods (controller and on this node) and at the storage behind them."),
    (&["context deadline exceeded"], "the driver did not answer in time", "Look at the CSI driver's pods (controller and on this node) and at the storage behind them."),
];

/// A sentence that names only the wait.
const GENERIC: &[&str] = &["unable to attach or mount volumes", "unable to mount volumes for pod"];

static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"volume "([^"]+)""#).ok());
static UNMOUNTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"unmounted volumes=\[([^\]]*)\]").ok());

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut said = stated::on_stuck_pod(case, &["FailedMount", "FailedAttachVolume", "FailedMapVolume"]);
    said.extend(scheduler(case).into_iter().filter(|s| s.text.contains("max volume count")));
    said.retain(|s| !is_elsewhere(s.text));
    let specific = said.iter().find(|s| !is_generic(s.text));
    let Some(s) = specific.or(said.first()) else { return Vec::new() };
    let other = said.iter().find(|o| o.text != s.text && is_generic(o.text));
    vec![finding(case, s, other)]
}

fn is_generic(text: &str) -> bool {
    let lower = text.to_lowercase();
    GENERIC.iter().any(|g| lower.starts_with(g)) && named_reason(text).is_none()
}

/// The reason behind the lists of a sentence that otherwise only tells of the wait:
/// `…, unattached volumes=[disk]: volume disk has volumeMode Block, but is specified in volumeMounts`.
fn named_reason(text: &str) -> Option<&str> {
    const WAIT: &[&str] =
        &["timed out waiting", "timeout expired waiting", "context deadline exceeded", "error processing pvc"];
    let (lists, why) = text.rsplit_once("]: ")?;
    let lower = why.to_lowercase();
    let told = lists.contains("volumes=[") && !why.trim().is_empty() && !WAIT.iter().any(|w| lower.contains(w));
    told.then_some(why.trim())
}

/// Whether another rule, or time, takes care of it.
fn is_elsewhere(text: &str) -> bool {
    let lower = text.to_lowercase();
    let config = (lower.contains("configmap \"") || lower.contains("secret \"")) && lower.contains("not found");
    let key = lower.contains("references non-existent");
    let passing = (lower.contains("failed to sync") && lower.contains("cache")) || lower.contains("not registered");
    let claim = lower.contains("persistentvolumeclaim") || lower.contains("pvc is not bound");
    (config && !lower.contains("csi"))
        || key
        || passing && !lower.contains("csi driver")
        || claim
        || attach::is_conflict(text)
}

/// The pod's volumes that the sentence names; a PersistentVolume's name stands for the claim bound to it.
fn volumes<'a>(case: &Case<'a>, text: &str) -> Vec<&'a str> {
    let capture = |r: &'static LazyLock<Option<Regex>>| Some(r.as_ref()?.captures(text)?.get(1)?.as_str().to_owned());
    let named: Vec<String> = match (capture(&UNMOUNTED), capture(&NAME)) {
        (Some(list), _) => list.split([' ', ',']).filter(|v| !v.is_empty()).map(str::to_owned).collect(),
        (None, Some(name)) => vec![name],
        (None, None) => Vec::new(),
    };
    let direct: Vec<&str> = named.iter().filter_map(|n| Some(case.pod.volume(n)?.name.as_str())).collect();
    if !direct.is_empty() {
        return direct;
    }
    let claims = used(case);
    let bound = |u: &&super::Used| u.facts.and_then(|c| c.volume.as_ref()).is_some_and(|v| named.contains(v));
    let found: Vec<&str> = claims.iter().filter(bound).map(|u| u.volume).collect();
    if found.is_empty() && claims.len() == 1 { vec![claims[0].volume] } else { found }
}

fn finding(case: &Case, said: &Said, other: Option<&Said>) -> Finding {
    let volumes = volumes(case, said.text);
    let lower = said.text.to_lowercase();
    let shape = SHAPES.iter().find(|(words, _, _)| words.iter().all(|w| lower.contains(w)));
    let generic = is_generic(said.text);
    let what = if volumes.is_empty() { "a volume".to_owned() } else { format!("volume {}", volumes.join(", ")) };
    let verb = if lower.contains("attachvolume.attach") || lower.contains("max volume count") {
        "attached"
    } else {
        "mounted"
    };
    let why = match shape {
        Some((_, means, _)) if !generic => format!("{means} ({})", cut(inner(said.text), 160)),
        _ if generic => "the kubelet gave up waiting for it, and no event says why".to_owned(),
        _ => cut(inner(said.text), 240),
    };
    let text = format!("{} cannot start: {what} cannot be {verb}: {}.", case.container.name, why.trim_end_matches('.'));
    let confidence = if generic || verb == "attached" { Confidence::Likely } else { Confidence::Certain };
    let mut finding =
        Finding::new(Reason::VolumeMountFailed, confidence, Basis::Stated, text).evidence(said.evidence());
    finding.evidence.extend(other.map(Said::evidence));
    finding.evidence.extend(volumes.iter().filter_map(|v| source(case, v)));
    if let Some((_, _, advice)) = shape.filter(|_| !generic) {
        finding = finding.advise(*advice);
    }
    let node = case.pod.node.as_deref().unwrap_or("<node>");
    if generic {
        finding = finding.advise("Look at the CSI driver's pods on this node and at the kubelet's log there: the first error names the step.");
    }
    if shape.is_some_and(|(words, ..)| words[0].contains("registered csi drivers")) {
        finding = driver::blame(case, said.text, finding);
    }
    finding.advise_command(
        "See the volume's events and what the node's kubelet says.",
        format!("kubectl -n {} describe pod {}; kubectl get csinode {node}", case.pod.namespace, case.pod.name),
    )
}

/// What stands behind `MountVolume.SetUp failed for volume "x" : `, and the innermost rpc error of that.
fn inner(text: &str) -> &str {
    if let Some(why) = named_reason(text) {
        return why;
    }
    let rest = text.split_once("\" : ").or_else(|| text.split_once("\": ")).map_or(text, |(_, rest)| rest);
    let rest = rest.rsplit_once(" desc = ").map_or(rest, |(_, rest)| rest);
    let output = ["Output: ", "with out: "].iter().find_map(|w| Some(rest.split_once(w)?.1)).unwrap_or(rest);
    let line = output.lines().find(|l| !l.trim().is_empty()).unwrap_or(output).trim();
    // `mount: /var/lib/kubelet/pods/…: <why>`
    line.strip_prefix("mount: /").and_then(|l| l.split_once(": ")).map_or(line, |(_, why)| why)
}

/// What the volume is, as far as the spec and the claim tell.
fn source(case: &Case, volume: &str) -> Option<Evidence> {
    let detail = match &case.pod.volume(volume)?.source {
        VolumeSource::HostPath { path, kind } if kind.is_empty() => format!("volume {volume} is hostPath {path}"),
        VolumeSource::HostPath { path, kind } => format!("volume {volume} is hostPath {path} of type {kind}"),
        VolumeSource::Claim { name, .. } => {
            let claim = case.cluster.claim(&case.pod.namespace, name)?;
            let of = bound_volume(case, claim).map_or_else(String::new, |v: &Volume| format!(" ({})", v.source));
            let bound = claim.volume.as_deref().unwrap_or("no volume");
            return Some(about(case, name, format!("claim {name} is {}, volume {bound}{of}", claim.phase)));
        }
        VolumeSource::Other(kind) => format!("volume {volume} is of type {kind}"),
        _ => return None,
    };
    Some(Evidence::new(Source::PodSpec, detail))
}
