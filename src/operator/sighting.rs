//! What one look at a container tells about its crashes: which ends count, how each is identified, when it starts next.

use super::backoff::{self, Wait};
use crate::api;
use crate::diagnose::facts::{Container, Pod, RestartPolicy, State, Terminated, Timestamp, seconds_between};
use crate::report::resource;
use crate::watch::detect;

/// A container of a pod, as the watch shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// Pod name.
    pub pod: String,
    /// Pod uid.
    pub uid: String,
    /// Node.
    pub node: Option<String>,
    /// Restart count.
    pub restarts: i64,
    /// What `kubectl get pods` would say: the state's reason.
    pub word: String,
    /// Its ends that count as crashes, and what keeps it from starting; oldest first.
    pub crashes: Vec<SeenCrash>,
    /// Since when it runs, if it does.
    pub running_since: Option<Timestamp>,
    /// It is not running and should be.
    pub down: bool,
    /// It is over, and its controller has made another pod in its place.
    pub replaced: bool,
    /// It waits for the kubelet to start it again.
    pub waits: Option<Wait>,
    /// Seconds that it had waited before the run that is shown.
    pub waited: Option<i64>,
    /// Crashes with one signature are taken to have one explanation.
    pub signature: String,
}

/// One crash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenCrash {
    /// Identity within the pod and container: the runtime's id of the container that ended.
    pub id: String,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// In the words of the custom resource.
    pub crash: api::Crash,
}

/// Looks at one container. `stuck`: the detector says that it cannot start although no state says so.
pub fn sight(pod: &Pod, container: &Container, stuck: bool) -> Sighting {
    let status = &container.status;
    let ends = [status.last.as_ref(), ended(&status.state)];
    let mut crashes: Vec<SeenCrash> =
        ends.into_iter().flatten().filter(|e| counts(pod, container, e)).map(|e| seen(pod, container, e)).collect();
    crashes.extend(cannot_start(pod, container, stuck));
    let crash_down = ended(&status.state).is_some_and(|e| counts(pod, container, e));
    let obstructed = matches!(&status.state, State::Waiting { reason, .. } if is_trouble(reason));
    let replaced = is_replaced(pod);
    Sighting {
        pod: pod.name.clone(),
        uid: pod.uid.clone(),
        node: pod.node.clone(),
        restarts: i64::from(status.restarts),
        word: word(pod, container),
        running_since: match status.state {
            State::Running { since } => since,
            _ => None,
        },
        down: (crash_down || obstructed || stuck || pod.phase == "Failed") && !replaced,
        replaced,
        waits: waits(pod, container),
        waited: waited(container),
        signature: signature(pod, container),
        crashes,
    }
}

fn ended(state: &State) -> Option<&Terminated> {
    match state {
        State::Terminated(end) => Some(end),
        _ => None,
    }
}

/// A failed pod of a controller that replaces its pods (evicted from a Deployment, say) is left lying about; it says nothing
/// about now. Jobs and bare pods have no other pod to look at.
fn is_replaced(pod: &Pod) -> bool {
    let over = matches!(pod.phase.as_str(), "Failed" | "Succeeded");
    over && pod.restart_policy == RestartPolicy::Always && pod.controller.is_some()
}

/// Waiting for anything but the normal steps of a start.
fn is_trouble(waiting_reason: &str) -> bool {
    !matches!(waiting_reason, "" | "ContainerCreating" | "PodInitializing")
}

/// Whether an end counts: a crash, and neither lost by the node nor part of a deletion.
fn counts(pod: &Pod, container: &Container, end: &Terminated) -> bool {
    // The kubelet writes this for containers that it lost in a reboot of the node; where the pod failed, it is an eviction.
    let lost = end.reason == "Unknown" && end.exit_code == 255 && pod.phase != "Failed";
    !lost && detect::is_crash(pod, container, end) && !ended_by_deletion(pod, end)
}

/// The deletion was asked for at `deletionTimestamp` minus the grace period; what ended before that crashed by itself.
fn ended_by_deletion(pod: &Pod, end: &Terminated) -> bool {
    let Some(deadline) = pod.deleting else { return false };
    let asked = deadline.as_second() - pod.grace_seconds;
    end.finished.is_none_or(|f| f.as_second() >= asked)
}

fn seen(pod: &Pod, container: &Container, end: &Terminated) -> SeenCrash {
    let id = match (&end.container_id, end.finished) {
        (Some(id), _) if !id.is_empty() => short_id(id),
        (_, Some(finished)) => finished.to_string(),
        _ => format!("{}@{}", end.reason, container.status.restarts),
    };
    SeenCrash { id, at: end.finished.map(resource::whole_seconds), crash: resource::crash(pod, end) }
}

/// `containerd://0123456789abcdef...` -> `0123456789ab`, as `crictl` and `docker` print it.
fn short_id(id: &str) -> String {
    let hex = id.rsplit("://").next().unwrap_or(id);
    hex.chars().take(12).collect()
}

/// A container that never came to run in its present state: waiting for an image, a key, a volume, or evicted unstarted.
fn cannot_start(pod: &Pod, container: &Container, stuck: bool) -> Option<SeenCrash> {
    let crash = resource::last_crash(pod, container);
    let what = match &container.status.state {
        State::Waiting { reason, .. } => match reason.as_str() {
            // These follow a container that did end, which is the crash.
            "CrashLoopBackOff" | "RunContainerError" | "PostStartHookError" if container.status.last.is_some() => {
                return None;
            }
            "ErrImagePull" | "ImagePullBackOff" => "image".into(),
            r if is_trouble(r) => r.to_owned(),
            _ if stuck => "stuck".into(),
            _ => return None,
        },
        State::Unknown if stuck => "stuck".into(),
        State::Unknown if is_refused(pod) => {
            let crash = api::Crash { reason: pod.reason.clone(), exit_code: None, ..crash };
            return Some(SeenCrash { id: "refused".into(), at: pod.start_time.or(pod.created), crash });
        }
        State::Unknown | State::Terminated(_) | State::Running { .. } => return None,
    };
    let waiting = match &container.status.state {
        State::Waiting { reason, .. } if !reason.is_empty() => Some(reason.clone()),
        _ => pod.reason.clone(),
    };
    let never_ran = api::Crash {
        reason: waiting,
        exit_code: None,
        signal: None,
        container_id: None,
        started_at: None,
        finished_at: None,
        ran_for: None,
        ..crash
    };
    Some(SeenCrash { id: format!("waiting:{what}"), at: None, crash: never_ran })
}

/// The kubelet refused the pod when it came to the node (`SysctlForbidden`, `OutOfcpu`, ...): it failed with a reason, and no
/// container was ever made. `startTime` is the moment of the refusal.
fn is_refused(pod: &Pod) -> bool {
    let taken_away = matches!(pod.reason.as_deref(), None | Some("Evicted" | "DeadlineExceeded" | "NodeLost"));
    let made = |c: &Container| c.status.last.is_some() || !matches!(c.status.state, State::Unknown);
    pod.phase == "Failed" && !taken_away && !pod.containers.iter().any(made)
}

fn word(pod: &Pod, container: &Container) -> String {
    match &container.status.state {
        State::Waiting { reason, .. } if !reason.is_empty() => reason.clone(),
        State::Waiting { .. } => "Waiting".into(),
        State::Running { .. } => "Running".into(),
        State::Terminated(end) if !end.reason.is_empty() => end.reason.clone(),
        State::Terminated(end) => format!("ExitCode:{}", end.exit_code),
        State::Unknown => pod.reason.clone().unwrap_or_else(|| pod.phase.clone()),
    }
}

/// Whether the kubelet will start it again after its end, and what it says of when.
fn waits(pod: &Pod, container: &Container) -> Option<Wait> {
    let status = &container.status;
    let (end, message) = match &status.state {
        State::Terminated(end) => (end, ""),
        // A start that failed shows the runtime's message for the whole back-off.
        State::Waiting { reason, message } if matches!(reason.as_str(), "CrashLoopBackOff" | "RunContainerError") => {
            (status.last.as_ref()?, message.as_str())
        }
        _ => return None,
    };
    if !pod.restarts(container, end.exit_code) || pod.phase == "Failed" || pod.deleting.is_some() {
        return None;
    }
    let before = ended(&status.state).and(status.last.as_ref()).and_then(Terminated::ran_for);
    Some(Wait { ended: end.finished?, ran: end.ran_for(), ran_before: before, told: backoff::told(message) })
}

/// From the end of the run before to the start of the one that is shown.
fn waited(container: &Container) -> Option<i64> {
    let began = match &container.status.state {
        State::Running { since } => *since,
        State::Terminated(end) => end.started,
        State::Waiting { .. } | State::Unknown => None,
    };
    seconds_between(container.status.last.as_ref()?.finished?, began?).filter(|s| *s >= 0)
}

/// Revision, exit and obstacle; the pod's own name and uid are taken out of messages, so that replicas are alike.
/// How the signature of a failed pull begins.
const IMAGE: &str = "image/";
/// Longest part of a message in a signature.
const MAX_WORDS: usize = 300;

/// Older kubelets say in the back-off of a pull only that there is one: what was said before it still holds.
pub fn is_bare_back_off(signature: &str) -> bool {
    signature.contains(&format!("|{IMAGE}|"))
}

/// What the pull failed of: newer kubelets repeat it behind `Back-off pulling image "x": ErrImagePull: `.
fn pull_error(message: &str) -> &str {
    match message.strip_prefix("Back-off pulling image ") {
        Some(rest) => rest.split_once("ErrImagePull: ").map_or("", |(_, error)| error),
        None => message,
    }
}

/// A message without what differs from try to try: names of the pod, ids, ports and times.
fn worded(message: &str, pod: &Pod) -> String {
    let message = message.replace(&pod.uid, "").replace(&pod.name, "");
    let words = message.split_inclusive(|c: char| !c.is_alphanumeric());
    let plain = |w: &&str| !w.chars().any(|c| c.is_ascii_digit());
    words.filter(plain).collect::<String>().chars().take(MAX_WORDS).collect()
}

fn signature(pod: &Pod, container: &Container) -> String {
    let status = &container.status;
    let end = ended(&status.state).or(status.last.as_ref());
    let end = end.map_or_else(String::new, |e| format!("{}/{}", e.exit_code, e.reason));
    let obstacle = match &status.state {
        State::Waiting { reason, message } => match reason.as_str() {
            "" | "CrashLoopBackOff" | "RunContainerError" | "ContainerCreating" | "PodInitializing" => String::new(),
            "ErrImagePull" | "ImagePullBackOff" => format!("{IMAGE}{}", worded(pull_error(message), pod)),
            _ => format!("{reason}/{}", worded(message, pod)),
        },
        _ => String::new(),
    };
    let reason = pod.reason.as_deref().unwrap_or_default();
    format!("{}|{end}|{obstacle}|{reason}", pod.revision.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{World, at};

    fn look(w: &World) -> Sighting {
        let pod = &w.cluster.pods[0];
        sight(pod, &pod.containers[0], false)
    }

    #[test]
    fn a_crash_is_known_by_its_container_id() {
        let s = look(&World::new().crashed(1, "Error", 2));
        assert_eq!(s.crashes.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c1"]);
        assert_eq!((s.down, s.word.as_str(), s.restarts), (true, "CrashLoopBackOff", 3));
    }

    #[test]
    fn it_waits_for_a_restart_where_the_kubelet_will_restart_it() {
        let waiting = World::new().crashed(1, "Error", 2);
        assert_eq!(look(&waiting).waits.map(|w| (w.ended, w.told)), Some((at(2), Some(40))));
        let terminated = waiting.with(|w| {
            let end = w.container().status.last.clone().unwrap();
            w.container().status.state = State::Terminated(end);
        });
        assert_eq!(look(&terminated).waits.map(|w| (w.ended, w.told)), Some((at(2), None)));
        assert_eq!(look(&terminated.policy(RestartPolicy::Never)).waits, None);
        let not_started = World::new().crashed(128, "StartError", 0).with(|w| {
            w.container().status.state = State::Waiting { reason: "RunContainerError".into(), message: "exec".into() };
        });
        assert!(look(&not_started).waits.is_some());
    }

    #[test]
    fn success_is_no_crash_where_the_policy_lets_it_end() {
        let done = World::new().crashed(0, "Completed", 2);
        assert_eq!(look(&done).crashes.len(), 1);
        assert_eq!(look(&done.policy(RestartPolicy::OnFailure)).crashes, []);
    }

    #[test]
    fn owners_can_declare_exit_codes_expected() {
        let w = World::new().crashed(143, "Error", 2).with(|w| {
            w.pod().annotations.insert("crashdiagnosis.dev/expected-exit-codes".into(), "0, 143,x".into());
        });
        assert_eq!(look(&w).crashes, []);
    }

    #[test]
    fn a_deletion_ends_containers_but_does_not_crash_them() {
        let killed = |finished| World::new().crashed(137, "Error", finished).with(|w| w.pod().deleting = Some(at(130)));
        assert_eq!(look(&killed(99)).crashes.len(), 1);
        assert_eq!(look(&killed(100)).crashes.len(), 0);
    }

    #[test]
    fn a_refused_pod_failed_when_it_came_to_the_node() {
        let refused = |reason: &str| {
            World::new().with(|w| {
                let pod = w.pod();
                (pod.phase, pod.reason, pod.start_time) = ("Failed".into(), Some(reason.into()), Some(at(7)));
                w.container().status = crate::diagnose::facts::Status::default();
            })
        };
        let s = look(&refused("SysctlForbidden"));
        let seen: Vec<_> = s.crashes.iter().map(|c| (c.id.as_str(), c.at, c.crash.exit_code)).collect();
        assert_eq!(seen, [("refused", Some(at(7)), None)]);
        assert_eq!(look(&refused("Evicted")).crashes, []);
    }

    #[test]
    fn pull_errors_are_one_trouble_whatever_the_kubelet_calls_them() {
        let ids =
            ["ErrImagePull", "ImagePullBackOff"].map(|r| look(&World::new().waiting(r, "x")).crashes[0].id.clone());
        assert_eq!(ids, ["waiting:image", "waiting:image"]);
    }

    #[test]
    fn replicas_that_fail_alike_have_one_signature() {
        let message =
            "container has runAsNonRoot and image will run as root (pod: \"web-1_shop(p-1)\", container: app)";
        let first = World::new().waiting("CreateContainerConfigError", message);
        let second = World::new()
            .waiting("CreateContainerConfigError", &message.replace("web-1", "web-2").replace("p-1", "p-2"))
            .with(|w| {
                w.pod().name = "web-2".into();
                w.pod().uid = "p-2".into();
            });
        assert_eq!(look(&first).signature, look(&second).signature);
        assert_ne!(
            look(&first).signature,
            look(&World::new().waiting("CreateContainerConfigError", "other")).signature
        );
    }

    #[test]
    fn a_pod_stuck_without_a_state_is_trouble_when_the_detector_says_so() {
        let w = World::new().waiting("ContainerCreating", "");
        let pod = &w.cluster.pods[0];
        assert_eq!(sight(pod, &pod.containers[0], false).crashes, []);
        assert_eq!(sight(pod, &pod.containers[0], true).crashes[0].id, "waiting:stuck");
    }
}
