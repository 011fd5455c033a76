//! The postStart hook failed or hung, and the kubelet killed the container for it.
//!
//! The cause stands for about one second in `waiting.message` of PostStartHookError and nowhere else; current kubelets'
//! events say only `PostStartHook failed` (kubelet-facts). Older ones put it into the event FailedPostStartHook.

use crate::diagnose::facts::{Event, State, seconds_between};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// Reads status and events.
pub fn examine(case: &Case) -> Vec<Finding> {
    let message = match &case.container.status.state {
        State::Waiting { reason, message } if reason == "PostStartHookError" => Some(message.as_str()),
        _ => None,
    };
    let event = case.own_events().rev().find(|e| e.reason == "FailedPostStartHook" && is_of_this_crash(case, e));
    if message.is_none() && event.is_none() {
        return Vec::new();
    }
    let said = message.or(event.map(|e| e.message.as_str())).unwrap_or_default();
    let why = reason_in(said).map_or(String::new(), |w| format!(": {w}"));
    let hook = case.container.post_start.as_deref().map_or(String::new(), |h| format!(" ({})", cut(h, 120)));
    let cut_off = stop::hook_was_cut_off(case, said);
    let (confidence, basis) =
        if cut_off { (Confidence::Possible, Basis::Symptom) } else { (Confidence::Certain, Basis::Stated) };
    let mut finding = Finding::new(
        Reason::LifecycleHookFailed,
        confidence,
        basis,
        format!(
            "The postStart hook of {}{hook} failed, so the kubelet killed the container{why}.",
            case.container.name
        ),
    );
    if cut_off {
        finding =
            finding.but("the container ended by itself, with an exit code of its own: the hook was cut off with it");
    }
    if let Some(m) = message {
        finding =
            finding.evidence(Evidence::new(Source::ContainerStatus, format!("PostStartHookError: {}", cut(m, 600))));
    }
    if let Some(e) = event {
        finding = finding
            .evidence(Evidence::new(Source::Event, format!("{}: {}", e.reason, cut(&e.message, 600))).at(e.last));
    }
    if let Some(h) = &case.container.post_start {
        finding = finding.evidence(Evidence::new(Source::PodSpec, format!("lifecycle.postStart {}", cut(h, 300))));
    }
    vec![
        finding
            .advise("Run the hook's command by hand in the container (or move it into the entrypoint, where its output is logged). It must end with 0, its tools must be in the image, and it must not wait for something that starts later."),
    ]
}

/// The event lies within the crashed run, or the same failure goes on.
fn is_of_this_crash(case: &Case, event: &Event) -> bool {
    let Some(finished) = case.crash().and_then(|c| c.finished) else { return case.container.post_start.is_some() };
    let Some(last) = event.last else { return true };
    seconds_between(last, finished).is_none_or(|s| s <= case.pod.grace_seconds + 15)
}

/// What is wrong, out of `... failed - error: <this>`.
fn reason_in(message: &str) -> Option<String> {
    let rest = message.split_once("failed - error: ")?.1;
    // What the hook printed stands behind it once more, escaped; it counts where the error itself does not end with it.
    let (error, printed) = rest.split_once(", message: \"").unwrap_or((rest, ""));
    let error = error.trim().trim_end_matches([':', '.']);
    let printed = printed.trim_end_matches(['"', '.']).replace("\\n", " ");
    let printed = printed.trim();
    let told = printed.is_empty() || error.contains(printed.get(..20).unwrap_or(printed));
    let text = if told { error.to_owned() } else { format!("{error}: {printed}") };
    Some(cut(&text, 200)).filter(|r| !r.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn the_message_that_lasts_a_second_is_used_when_it_is_there() {
        let message = "Exec lifecycle hook ([sh -c echo not today; exit 1]) for Container \"app\" in Pod \"web-1_shop(p-1)\" failed - error: command 'sh -c echo not today; exit 1' exited with 1: , message: \"not today\\n\"";
        let w = World::new().crashed(137, "Error", 1).waiting("PostStartHookError", message);
        let found = w.examine(examine);
        assert_eq!(found[0].reason, Reason::LifecycleHookFailed);
        assert!(found[0].summary.contains("exited with 1"), "{}", found[0].summary);
    }

    #[test]
    fn a_hook_that_went_down_with_its_container_did_not_kill_it() {
        let hook = |error: &str| {
            format!(
                "Exec lifecycle hook ([/post.sh]) for Container \"app\" in Pod \"web-1_shop(p-1)\" failed - error: {error}"
            )
        };
        let cut = hook("command '/post.sh' exited with 137: , message: \"\"");
        let own = "Error: Cannot find configuration directory: /etc/app\n";
        for text in
            [cut.clone(), hook("rpc error: code = Unknown desc = container not running (0c1d): , message: \"\"")]
        {
            let w = World::new().crashed(1, "Error", 3).log(own).event("FailedPostStartHook", &text, 3);
            assert_ne!(w.diagnose().reason, Reason::LifecycleHookFailed, "{text}");
        }
        let killed = World::new().crashed(137, "Error", 3).event("FailedPostStartHook", &cut, 3);
        assert_eq!(killed.diagnose().reason, Reason::LifecycleHookFailed);
    }

    #[test]
    fn the_event_alone_is_enough_for_the_run_it_belongs_to() {
        let w = World::new().crashed(137, "Error", 31).event("FailedPostStartHook", "PostStartHook failed", 2);
        assert_eq!(w.examine(examine).len(), 1);
        let old = World::new().crashed(1, "Error", 3600).event("FailedPostStartHook", "PostStartHook failed", 2);
        assert!(old.examine(examine).is_empty(), "an hour old: another run");
    }
}
