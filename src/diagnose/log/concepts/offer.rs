//! Settings that a program offers ("If you want to force it, set the variable X=yes"): nothing that is missing.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::pattern;

/// A condition or a purpose that nobody has yet, and behind it the advice to set something.
static OFFER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:if you (?:really |still |do |also )*(?:want|wish|would like|like|prefer|intend|are sure|know)\b|",
        r"(?:^|[.;:,(!] ?)(?:or )?(?:in order )?to (?:override|disable|force|ignore|skip|bypass|suppress|silence|turn off)\b|you (?:can|may|could) (?:skip|disable|override|force|ignore))",
        r"[^;]{0,120}\b(?:set|setting|export|use|using|define|add|pass)\b|",
        r"\b(?:set|export|use|define) (?:the )?(?:env(?:ironment)? )?(?:var(?:iable)? )?[\x22'`$]*(?-i:[A-Z][A-Z0-9_]+)\S* to (?:override|disable|force|ignore|skip|bypass|suppress|silence|turn off)\b"
    ))
});

/// A switch that is offered with its value: `FORCE_BOOTSTRAP=yes`.
static SWITCH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?-i:[A-Z0-9_]*(?:FORCE|SKIP|IGNORE|DISABLE|UNSAFE|BYPASS|OVERRIDE)[A-Z0-9_]*) ?= ?(?:yes|true|on|1)\b")
});

/// Whether the variable that a wording found is one that the line only offers.
pub(super) fn is_offered(line: &str, found: &Captures) -> bool {
    let Some(variable) = found.name("subject") else { return false };
    let whole = found.get(0).map_or(variable.start(), |m| m.start());
    // what a sentence before the offer misses is missed
    let offered = OFFER.as_ref().and_then(|r| r.find(line.as_bytes())).is_some_and(|m| m.start() <= whole + 1);
    let switch =
        line.get(variable.start()..).is_some_and(|l| SWITCH.as_ref().is_some_and(|r| r.is_match(l.as_bytes())));
    offered || switch
}

#[cfg(test)]
mod tests {
    use super::super::classify;
    use crate::diagnose::log::Concept;

    fn concept(line: &str) -> Option<Concept> {
        classify(line).map(|m| m.concept)
    }

    #[test]
    fn an_offer_is_not_missing() {
        for line in [
            "It is not safe to bootstrap from this node. If you want to force bootstrap, set the environment variable DB_FORCE_BOOTSTRAP=yes",
            "schema is dirty; to skip this check set the environment variable APP_SKIP_CHECK=true",
            "If you really want to run it twice, please set RUN_ANYWAY to 1",
        ] {
            assert_ne!(concept(line), Some(Concept::EnvMissing), "{line}");
        }
    }

    #[test]
    fn what_is_missing_before_an_offer_is_missed() {
        for line in [
            "The DB_PASSWORD environment variable is empty or not set. Set the environment variable ALLOW_EMPTY_PASSWORD=yes to allow it",
            "missing required environment variable API_TOKEN",
            "unable to force TLS: missing environment variable TLS_CERT, please set it",
            "using defaults, failed to disable telemetry: environment variable API_TOKEN is not set",
            "APP_KEY is not set. If you want to skip this check, set NO_CHECK=1",
        ] {
            assert_eq!(concept(line), Some(Concept::EnvMissing), "{line}");
        }
    }
}
