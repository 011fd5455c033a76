//! Who is started again after its end, and whose end was wanted: restart policies of pod and container, and rules on exit codes.

use super::{Container, ContainerKind, Pod, Terminated};

/// `spec.restartPolicy`, or a container's own (Kubernetes 1.34 and newer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Restart whatever the exit code (the default).
    #[default]
    Always,
    /// Restart unless the exit code is 0.
    OnFailure,
    /// Never restart.
    Never,
}

impl RestartPolicy {
    /// By its name in a spec; `None`: not known.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Always" => Some(Self::Always),
            "OnFailure" => Some(Self::OnFailure),
            "Never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// One of a container's `restartPolicyRules`: what follows from an exit code, whatever the policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartRule {
    /// The operator is `NotIn`.
    pub not_in: bool,
    /// Exit codes.
    pub codes: Vec<i32>,
}

impl RestartRule {
    fn fits(&self, exit_code: i32) -> bool {
        self.codes.contains(&exit_code) != self.not_in
    }
}

/// The kubelet's reason for containers that it ended because another one asked for a restart of all (action
/// `RestartAllContainers`, Kubernetes 1.36).
const ALL_RESTART: &str = "RestartingAllContainers";

impl Pod {
    /// The policy that holds for a container: its own, else the pod's. A native sidecar is always restarted.
    pub fn policy_of(&self, container: &Container) -> RestartPolicy {
        match container.kind {
            ContainerKind::Sidecar => RestartPolicy::Always,
            _ => container.restart_policy.unwrap_or(self.restart_policy),
        }
    }

    /// Whether the kubelet starts the container again after such an exit.
    pub fn restarts(&self, container: &Container, exit_code: i32) -> bool {
        container.restart_rules.iter().any(|r| r.fits(exit_code))
            || match self.policy_of(container) {
                RestartPolicy::Always => true,
                RestartPolicy::OnFailure => exit_code != 0,
                RestartPolicy::Never => false,
            }
    }

    /// Whether it must not end at all, not even well.
    pub fn must_run(&self, container: &Container) -> bool {
        container.kind != ContainerKind::Init && self.policy_of(container) == RestartPolicy::Always
    }

    /// Whether its owner wants containers to end so: the annotation `expected-exit-codes`, a restart rule for just this exit
    /// code, or another container's that restarts all. A rule for all codes but some (`NotIn`) is a policy, no wish.
    pub fn wants_end(&self, container: &Container, end: &Terminated) -> bool {
        self.expects(end.exit_code)
            || end.reason == ALL_RESTART
            || container.restart_rules.iter().find(|r| r.fits(end.exit_code)).is_some_and(|r| !r.not_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(policy: RestartPolicy, own: Option<RestartPolicy>, rules: Vec<RestartRule>) -> (Pod, Container) {
        let pod = Pod { restart_policy: policy, ..Pod::default() };
        (pod, Container { restart_policy: own, restart_rules: rules, ..Container::default() })
    }

    fn ended(exit_code: i32, reason: &str) -> Terminated {
        Terminated { exit_code, reason: reason.into(), ..Terminated::default() }
    }

    #[test]
    fn a_containers_own_policy_comes_before_the_pods() {
        let (pod, own) = with(RestartPolicy::Always, Some(RestartPolicy::Never), vec![]);
        assert!(!pod.restarts(&own, 1) && !pod.must_run(&own));
        let (pod, own) = with(RestartPolicy::Never, Some(RestartPolicy::Always), vec![]);
        assert!(pod.restarts(&own, 0) && pod.must_run(&own));
        let (pod, own) = with(RestartPolicy::OnFailure, None, vec![]);
        assert!(pod.restarts(&own, 1) && !pod.restarts(&own, 0));
    }

    #[test]
    fn a_rule_for_an_exit_code_is_a_wish_and_one_for_all_others_is_a_policy() {
        let wish = RestartRule { not_in: false, codes: vec![42, 43] };
        let (pod, c) = with(RestartPolicy::Never, Some(RestartPolicy::Never), vec![wish]);
        assert!(pod.restarts(&c, 42) && pod.wants_end(&c, &ended(42, "Error")));
        assert!(!pod.restarts(&c, 1) && !pod.wants_end(&c, &ended(1, "Error")));
        let retry = RestartRule { not_in: true, codes: vec![0] };
        let (pod, c) = with(RestartPolicy::Never, Some(RestartPolicy::Never), vec![retry]);
        assert!(pod.restarts(&c, 1) && !pod.wants_end(&c, &ended(1, "Error")));
        assert!(!pod.restarts(&c, 0));
    }

    #[test]
    fn those_that_another_takes_along_did_not_crash() {
        let (pod, c) = with(RestartPolicy::Never, None, vec![]);
        assert!(pod.wants_end(&c, &ended(137, "RestartingAllContainers")));
        assert!(!pod.wants_end(&c, &ended(137, "Error")));
    }
}
