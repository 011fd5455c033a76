//! One container under examination: the view of the facts that every rule gets.

use std::sync::OnceLock;

use super::facts::{Cluster, Container, Event, Log, LogSlot, PastCrash, Pod, State, Terminated, Timestamp};
use super::log::{self, LogReport};

/// The container to explain, everything known around it, and "now".
pub struct Case<'a> {
    /// All facts.
    pub cluster: &'a Cluster,
    /// Its pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a Container,
    /// Now.
    pub now: Timestamp,
    log: OnceLock<LogReport>,
}

impl<'a> Case<'a> {
    /// A case.
    pub fn new(cluster: &'a Cluster, pod: &'a Pod, container: &'a Container, now: Timestamp) -> Self {
        Self { cluster, pod, container, now, log: OnceLock::new() }
    }

    /// The newest end of the container: the current state if it is `terminated`, else the last state.
    /// `None`: it never ran and ended (it cannot be created, or is still pending).
    pub fn crash(&self) -> Option<&'a Terminated> {
        match &self.container.status.state {
            State::Terminated(t) => Some(t),
            _ => self.container.status.last.as_ref(),
        }
    }

    /// The end before [`Self::crash`], where status still has it.
    pub fn earlier_crash(&self) -> Option<&'a Terminated> {
        match &self.container.status.state {
            State::Terminated(_) => self.container.status.last.as_ref(),
            _ => None,
        }
    }

    /// Earlier crashes of this container in any pod of the workload, as the history has them; those that status still shows
    /// are left out.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &'a PastCrash> {
        let end = |t: Option<&Terminated>| t.and_then(|t| t.finished).map(Timestamp::as_second);
        let shown = [end(self.crash()), end(self.earlier_crash())];
        let name = self.container.name.as_str();
        let pod = self.pod.name.as_str();
        self.cluster.history.iter().filter(move |p| {
            let is_shown = p.pod == pod && p.finished.is_some_and(|f| shown.contains(&Some(f.as_second())));
            p.container == name && !is_shown
        })
    }

    /// Reason and message of a waiting container; empty strings otherwise.
    pub fn waiting(&self) -> (&'a str, &'a str) {
        match &self.container.status.state {
            State::Waiting { reason, message } => (reason, message),
            _ => ("", ""),
        }
    }

    /// The log of the crash: the *current* one while the container is `terminated` (or waiting, where no previous
    /// one was read), the previous one once it was restarted (kubelet-facts, "The log of the crash"). Where that is gone
    /// and the restart a moment ago, the current one: the kubelet's status lags behind the next crash.
    pub fn crash_log(&self) -> Option<&'a Log> {
        let current = self.cluster.log(self.pod, &self.container.name, LogSlot::Current);
        let previous = self.cluster.log(self.pod, &self.container.name, LogSlot::Previous);
        match &self.container.status.state {
            State::Terminated(_) => current.or(previous),
            State::Running { since } => previous.or_else(|| current.filter(|_| self.is_young(*since))),
            _ => previous.or(current),
        }
    }

    /// Restarted so short a while ago that it may have crashed again without the kubelet having said so.
    fn is_young(&self, since: Option<Timestamp>) -> bool {
        const YOUNG: i64 = 60;
        self.container.status.last.is_some()
            && since.is_some_and(|s| (0..=YOUNG).contains(&(self.now.as_second() - s.as_second())))
    }

    /// What the program left as its termination message (`terminationMessagePath`, or the end of its log under
    /// `FallbackToLogsOnError`), where it ran; a runtime's message of one that never ran is not its own word.
    fn last_words(&self) -> Option<&'a str> {
        let crash = self.crash().filter(|c| matches!(c.reason.as_str(), "Error" | "OOMKilled" | "Completed"))?;
        Some(crash.message.as_str()).filter(|m| !m.trim().is_empty())
    }

    /// The log of the run that is going on now, if one is.
    pub fn running_log(&self) -> Option<&'a Log> {
        match &self.container.status.state {
            State::Running { .. } => self.cluster.log(self.pod, &self.container.name, LogSlot::Current),
            _ => None,
        }
    }

    /// The analysed log of the crash; computed once. An absent log gives an empty report with `read == false`.
    pub fn log(&self) -> &LogReport {
        self.log.get_or_init(|| match self.crash_log().filter(|l| !l.text.trim().is_empty()) {
            Some(l) => log::analyse(&l.text),
            None => self.last_words().map_or_else(LogReport::default, log::analyse),
        })
    }

    /// Events of this pod, oldest first (all containers).
    pub fn pod_events(&self) -> impl DoubleEndedIterator<Item = &'a Event> {
        self.cluster.events_of_pod(self.pod)
    }

    /// Events of this container, and those of the pod that name no container, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &'a Event> {
        let name = self.container.name.as_str();
        self.pod_events().filter(move |e| e.container.as_deref().is_none_or(|c| c == name))
    }

    /// Events of this container only (the field path names it), oldest first.
    pub fn own_events(&self) -> impl DoubleEndedIterator<Item = &'a Event> {
        let name = self.container.name.as_str();
        self.pod_events().filter(move |e| e.container.as_deref() == Some(name))
    }

    /// `kubectl` words that address the workload, e.g. `-n shop set resources deployment/web -c app`.
    pub fn kubectl_workload(&self) -> String {
        format!("{}/{}", self.pod.workload.kind.to_lowercase(), self.pod.workload.name)
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::Reason;
    use crate::diagnose::testing::World;

    fn ended(log: &str) -> Reason {
        let world = World::new().crashed(1, "Error", 2).with(|w| {
            if let Some(last) = &mut w.container().status.last {
                last.message = "dial tcp 10.96.0.42:5432: connect: connection refused\n".into();
            }
        });
        if log.is_empty() { world.diagnose().reason } else { world.log(log).diagnose().reason }
    }

    #[test]
    fn a_termination_message_stands_in_for_a_log_that_is_not_there() {
        assert_eq!(ended(""), Reason::DependencyUnavailable);
        assert_eq!(
            ended("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:5 +0x1d\n"),
            Reason::UnhandledException
        );
    }
}
