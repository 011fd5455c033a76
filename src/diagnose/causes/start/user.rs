//! `runAsNonRoot` refuses the user of the image: the kubelet says so in CreateContainerConfigError
//! (kubelet `verifyRunAsNonRoot`).

use crate::diagnose::stated;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, kubectl};

const WORDS: &[(&str, &str)] = &[
    ("image will run as root", "the image runs as root, and runAsNonRoot: true refuses that"),
    (
        "has non-numeric user",
        "the image names its user by a name, so the kubelet cannot tell that it is not root, and runAsNonRoot: true refuses that",
    ),
    ("runasuser breaks non-root policy", "runAsUser is 0, and runAsNonRoot: true refuses that"),
    ("container's runasuser breaks non-root", "runAsUser is 0, and runAsNonRoot: true refuses that"),
];

/// Reads the kubelet's refusal.
pub fn examine(case: &Case) -> Vec<Finding> {
    for s in stated::at_start(case) {
        let lower = s.text.to_lowercase();
        let Some((_, means)) = WORDS.iter().find(|(w, _)| lower.contains(w)) else { continue };
        let where_set = if case.container.security.run_as_non_root.is_some() { "container" } else { "pod" };
        let mut finding = Finding::new(
            Reason::ImageUserNotAllowed,
            Confidence::Certain,
            Basis::Stated,
            format!("{} is not created: {means}.", case.container.name),
        )
        .evidence(s.evidence())
        .evidence(Evidence::new(
            Source::PodSpec,
            format!("runAsNonRoot: true in the {where_set}'s securityContext; image {}", case.container.image),
        ));
        let text = "Use an image with a numeric non-root USER, or set runAsUser to an id that the image's files allow (1000 is an example; the image decides which works).";
        finding = match kubectl::patch_container(case, r#""securityContext":{"runAsUser":1000}"#) {
            Some(command) => finding.advise_command(text, command),
            None => finding.advise(text),
        };
        return vec![finding];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn root_and_named_users_are_refused() {
        for message in [
            r#"container has runAsNonRoot and image will run as root (pod: "web-1_shop(p-1)", container: app)"#,
            r#"container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root (pod: "web-1_shop(p-1)", container: app)"#,
            "container's runAsUser breaks non-root policy (pod: \"web-1_shop(p-1)\", container: app)",
        ] {
            let found = World::new().waiting("CreateContainerConfigError", message).examine(examine);
            assert_eq!(found[0].reason, Reason::ImageUserNotAllowed, "{message}");
        }
        assert!(
            World::new().waiting("CreateContainerConfigError", "secret \"x\" not found").examine(examine).is_empty()
        );
    }
}
