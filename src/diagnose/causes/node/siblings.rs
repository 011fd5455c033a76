//! NodeFault: the same workload is healthy on other nodes and crashes on this one (the guide's "is it the node?" test).
//!
//! Same revision and image on both sides, no node with both, and no ConfigMap that changed in between: then what differs
//! is the node. A StatefulSet's pods have each their own data, a Job's each their own work: they prove nothing.

use std::collections::BTreeSet;

use crate::diagnose::facts::{Container, Pod, State, Terminated, Timestamp, VolumeSource, Workload, seconds_between};
use crate::diagnose::log::{self, Concept, Failure, LogReport, Weight};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop, words};

/// Seconds that a sibling must have run to count as healthy.
const HEALTHY_AFTER: i64 = 60;

/// How the workload's pods divide among nodes.
pub struct Split {
    /// Nodes where all fail, this one among them.
    bad: BTreeSet<String>,
    /// Nodes where all are healthy.
    good: BTreeSet<String>,
    /// Failing pods, this one among them.
    failing: usize,
    /// Healthy pods.
    healthy: usize,
    /// One pod per node by design, so that each is the only one of its node.
    per_node: bool,
    /// What a failing sibling says, where this one's log could not be read.
    sibling_log: Option<(String, LogReport)>,
}

impl Split {
    /// Several on each side, or a DaemonSet with several healthy ones: chance is no explanation any more.
    fn is_clear(&self) -> bool {
        self.healthy >= 2 && (self.failing >= 2 || self.per_node) || (self.failing >= 2 && self.healthy >= 1)
    }

    fn words(&self, here: &str) -> String {
        let list = |nodes: &BTreeSet<String>| {
            let shown: Vec<&str> = nodes.iter().take(3).map(String::as_str).collect();
            let more = nodes.len().saturating_sub(3);
            if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
        };
        let also = match self.bad.len() {
            1 => String::new(),
            n => format!(" and {} more node{}", n - 1, if n == 2 { "" } else { "s" }),
        };
        format!(
            "{} of {} pods crash, all on {here}{also}; the same revision is healthy on {}",
            self.failing,
            self.failing + self.healthy,
            list(&self.good)
        )
    }
}

fn is_healthy(c: &Container, now: Timestamp) -> bool {
    let State::Running { since } = &c.status.state else { return false };
    let long = since.and_then(|s| seconds_between(s, now)).is_none_or(|s| s >= HEALTHY_AFTER);
    c.status.ready && long
}

fn is_failing(c: &Container) -> bool {
    match &c.status.state {
        State::Waiting { reason, .. } => {
            reason == "CrashLoopBackOff" || (c.status.last.is_some() && !reason.is_empty())
        }
        State::Terminated(end) => end.exit_code != 0,
        State::Running { .. } => !c.status.ready && c.status.restarts > 0,
        State::Unknown => false,
    }
}

/// Of the same workload; the controller decides where the top of its chain was found for one of them only.
fn same_owner(a: &Pod, b: &Pod) -> bool {
    let same = |a: &Workload, b: &Workload| (&a.kind, &a.name) == (&b.kind, &b.name);
    same(&a.workload, &b.workload) || a.controller.as_ref().zip(b.controller.as_ref()).is_some_and(|(a, b)| same(a, b))
}

fn same_image(a: &Container, b: &Container) -> bool {
    let (x, y) = (&a.status.image_id, &b.status.image_id);
    if x.is_empty() || y.is_empty() { a.image == b.image } else { x == y }
}

/// Whether the pods of its workload are the same but for their node.
fn are_alike(pod: &Pod) -> bool {
    !matches!(pod.workload.kind.as_str(), "" | "Pod" | "StatefulSet" | "Job" | "CronJob")
}

/// Whether it is worth to know the siblings: nothing else explains the crash.
pub fn may_tell(case: &Case) -> bool {
    are_alike(case.pod)
        && case.crash().is_some_and(|c| is_own_failure(case, c))
        && leaves_open(case.log()) != Log::Other
}

/// Divides the pods of the workload; `None` where nothing follows from it.
pub fn split(case: &Case) -> Option<Split> {
    let (own, here) = (case.pod, case.pod.node.as_deref()?);
    if !are_alike(own) {
        return None;
    }
    let mut split = Split {
        bad: BTreeSet::from([here.to_owned()]),
        good: BTreeSet::new(),
        failing: 1,
        healthy: 0,
        per_node: own.workload.kind == "DaemonSet",
        sibling_log: None,
    };
    let mut since: Option<Timestamp> = None;
    let siblings = case.cluster.pods.iter().filter(|p| {
        p.namespace == own.namespace
            && p.uid != own.uid
            && p.name != own.name
            && same_owner(p, own)
            && p.revision == own.revision
            && p.deleting.is_none()
    });
    for sibling in siblings {
        let Some(container) = sibling.container(&case.container.name).filter(|c| same_image(c, case.container)) else {
            continue;
        };
        let Some(node) = sibling.node.clone() else { continue };
        if is_healthy(container, case.now) {
            split.healthy += 1;
            split.good.insert(node);
            if let State::Running { since: started } = container.status.state {
                since = since.max(started);
            }
        } else if is_failing(container) {
            split.failing += 1;
            split.bad.insert(node);
            if split.sibling_log.is_none() && !case.log().read {
                let other = Case::new(case.cluster, sibling, container, case.now);
                split.sibling_log =
                    other.crash_log().map(|l| (format!("pod {}/{}", l.namespace, l.pod), log::analyse(&l.text)));
            }
        }
    }
    (split.healthy > 0 && split.bad.is_disjoint(&split.good) && !config_changed(case, since)).then_some(split)
}

/// Whether a ConfigMap or Secret of the pod changed after the newest healthy sibling had started: that one may still run with
/// the old content.
fn config_changed(case: &Case, since: Option<Timestamp>) -> bool {
    let Some(since) = since else { return false };
    let refers = |kind: &str, name: &str| refers(case.pod, case.container, kind, name);
    case.cluster
        .configs
        .iter()
        .filter(|c| c.namespace == case.pod.namespace && refers(&c.kind, &c.name))
        .any(|c| c.changed.is_some_and(|t| t > since))
}

/// Whether a container takes something from a ConfigMap or Secret.
pub fn refers(pod: &Pod, container: &Container, kind: &str, name: &str) -> bool {
    fn of_volume(source: &VolumeSource, kind: &str, name: &str) -> bool {
        match source {
            VolumeSource::ConfigMap(k) => kind == "ConfigMap" && k.name == name,
            VolumeSource::Secret(k) => kind == "Secret" && k.name == name,
            VolumeSource::Projected(all) => all.iter().any(|s| of_volume(s, kind, name)),
            _ => false,
        }
    }
    container.env_from.iter().any(|e| e.kind == kind && e.name == name)
        || container.env.iter().any(|e| e.from.as_ref().is_some_and(|f| f.kind == kind && f.name == name))
        || pod
            .volumes
            .iter()
            .filter(|v| container.mounts.iter().any(|m| m.volume == v.name))
            .any(|v| of_volume(&v.source, kind, name))
}

/// What only a node can withhold from a good image.
const NODE_WORDS: &[&str] = &[
    "driver",
    "device",
    "/dev/",
    "/sys/",
    "/proc/",
    "kernel",
    "module",
    "cuda",
    "nvml",
    "nvidia",
    "gpu",
    "cgroup",
    "iptables",
    "nftables",
    "mount",
    "illegal instruction",
    "cpu",
    "hardware",
    "input/output error",
    "seccomp",
    "apparmor",
    "selinux",
    "sysctl",
    "bpf",
    "no route to host",
    "network is unreachable",
];

/// How far the log leaves the node as the reason.
#[derive(PartialEq, Eq)]
enum Log {
    /// It says nothing of a cause, or something that the image or the node alone decides.
    Open,
    /// An error of the program that may have to do with the node.
    Perhaps,
    /// Something that has to do with this pod's configuration or peers.
    Other,
}

fn leaves_open(report: &LogReport) -> Log {
    let Some(failure) = said(report) else { return Log::Open };
    let quote = failure.quote.to_ascii_lowercase();
    let of_node = NODE_WORDS.iter().any(|w| quote.contains(w));
    match failure.concept {
        Concept::LibraryMissing | Concept::NodeFeature | Concept::BadImage | Concept::Segfault | Concept::Abort => {
            Log::Open
        }
        Concept::ModuleMissing | Concept::CommandMissing | Concept::CommandNotExecutable => Log::Open,
        _ if of_node => Log::Open,
        Concept::Exception | Concept::OtherError | Concept::CannotConnect | Concept::NameNotResolved => Log::Perhaps,
        _ => Log::Other,
    }
}

/// What the program says of its failure.
fn said(report: &LogReport) -> Option<&Failure> {
    report.failures.iter().find(|f| f.weight > Weight::Hint && f.concept != Concept::Shutdown)
}

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| is_own_failure(case, c)) else { return Vec::new() };
    let Some(split) = split(case) else { return Vec::new() };
    let here = case.pod.node.as_deref().unwrap_or_default();
    let clear = split.is_clear();
    let (whose, report) = split.sibling_log.as_ref().map_or(("", case.log()), |(pod, report)| (pod.as_str(), report));
    let (basis, confidence) = match leaves_open(report) {
        Log::Open if clear => (Basis::Explained, Confidence::Likely),
        Log::Open | Log::Perhaps if clear || split.per_node => (Basis::Inferred, Confidence::Likely),
        Log::Open | Log::Perhaps => (Basis::Inferred, Confidence::Possible),
        Log::Other => (Basis::Symptom, Confidence::Possible),
    };
    let says = said(report).map_or_else(String::new, |f| format!(" It says: {}", words::cut(&f.quote, 200)));
    let text = format!("The node is at fault, not the image: {}.{says}", split.words(here));
    let ran = crash.ran_for().map_or_else(String::new, |s| format!(", after {}", words::seconds(s)));
    let mut finding = Finding::new(Reason::NodeFault, confidence, basis, text)
        .evidence(Evidence::new(Source::Workload, split.words(here)))
        .evidence(
            Evidence::new(
                Source::ContainerStatus,
                format!("terminated: reason {}, exitCode {}{ran}", crash.reason, crash.exit_code),
            )
            .at(crash.finished),
        );
    if let Some(failure) = said(report) {
        finding = finding.evidence(Evidence::new(Source::Log, failure.quote.clone()).of(whose));
    }
    finding.evidence.extend(difference(case, &split));
    finding.root_cause = super::root(case, split.words(here));
    if !clear {
        finding = finding.but("a single pod on each side may be chance");
    }
    finding = finding.advise_command(
        format!("Compare {here} with a node where it is healthy: kernel, drivers, runtime, disk, network."),
        format!("kubectl describe node {here}"),
    );
    match super::cordon(case) {
        Some((text, command)) => vec![finding.advise_command(text, command)],
        None => vec![finding],
    }
}

/// Not somebody else's doing: a limit, a probe, a deletion.
fn is_own_failure(case: &Case, crash: &Terminated) -> bool {
    crash.exit_code != 0
        && crash.reason != "OOMKilled"
        && !matches!(crash.exit_code, 137 | 143)
        && case.container.status.restarts >= 2
        && stop::stop(case).is_none()
        && stop::probe_kill(case).is_none()
}

/// In what the node differs from those where it is healthy, where both are known.
fn difference(case: &Case, split: &Split) -> Option<Evidence> {
    let own = case.cluster.node(case.pod.node.as_deref()?)?;
    let other = split.good.iter().find_map(|n| case.cluster.node(n))?;
    let pairs = [
        ("architecture", &own.architecture, &other.architecture),
        ("kernel", &own.kernel, &other.kernel),
        ("runtime", &own.runtime, &other.runtime),
        ("kubelet", &own.kubelet_version, &other.kubelet_version),
    ];
    let differing: Vec<String> =
        pairs.iter().filter(|(_, a, b)| a != b).map(|(what, a, b)| format!("{what} {a}, there {b}")).collect();
    let text = if differing.is_empty() {
        format!("kernel {}, runtime {}: the same as on {}", own.kernel, own.runtime, other.name)
    } else {
        format!("{} (compared with {})", differing.join("; "), other.name)
    };
    Some(Evidence::new(Source::Node, text).of(format!("node {}", own.name)))
}
