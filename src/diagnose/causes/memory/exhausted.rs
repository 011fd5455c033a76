//! RuntimeHeapExhausted: the runtime gave up because its own heap was full; the kernel did not kill it.
//!
//! What the log says is weighed against the kernel's word: with OOMKilled the limit was hit as well, and the kernel's word
//! stands. Exit codes of the runtimes: Node aborts (134; as PID 1 it ends with 139, since abort() of PID 1 ends as SIGSEGV),
//! a JVM with `-XX:+ExitOnOutOfMemoryError` exits 3, with `-XX:+CrashOnOutOfMemoryError` 134.

use super::pool::{self, Pool};
use super::settings;
use super::{limit, limit_evidence, status_evidence};
use crate::diagnose::log::{Concept, Failure, Weight};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| c.reason != "OOMKilled") else { return Vec::new() };
    let failure = case.log().find(Concept::HeapExhausted).filter(|f| f.weight > Weight::Hint);
    let exit_flag = case.container.exit_on_oom() && crash.exit_code == 3;
    if failure.is_none() && !exit_flag {
        return Vec::new();
    }
    let pool = if exit_flag { pool::of("java") } else { failure.and_then(|f| pool::of(&f.quote)) };
    let after = crash.ran_for().map_or_else(String::new, |s| format!(" {} after its start", words::seconds(s)));
    let heap = if pool.is_none_or(Pool::is_heap) { heap_words(case) } else { String::new() };
    let what = pool.map_or("Its own heap", |p| p.what);
    let end = match stop::probe_kill(case) {
        Some(kill) => format!(
            "it lived on, but no longer answered its {} probe, and was killed for that (exit {})",
            kill.kind.word(),
            crash.exit_code
        ),
        None => format!("the runtime gave up (exit {}), the kernel did not kill it", crash.exit_code),
    };
    let text = format!("{what} was full{after}{heap}: {end}.");
    let basis = if failure.is_some_and(|f| f.weight == Weight::Terminal) { Basis::Explained } else { Basis::Inferred };
    let mut finding = Finding::new(Reason::RuntimeHeapExhausted, Confidence::Likely, basis, text);
    finding.evidence.extend(failure.map(quote));
    finding.evidence.extend(status_evidence(case));
    finding.evidence.extend(limit_evidence(case));
    vec![advise(case, pool, finding)]
}

fn quote(failure: &Failure) -> Evidence {
    Evidence::new(Source::Log, failure.quote.clone())
}

/// `; the heap may take 3Gi (--max-old-space-size=3072) of the 4Gi limit`, as far as it is known.
fn heap_words(case: &Case) -> String {
    let limit = limit(case);
    let setting = settings::all(case, limit.unwrap_or_default()).into_iter().find(|s| s.bytes > 0);
    match (setting, limit) {
        (Some(s), Some(l)) => {
            format!(" at the {} that {} allows, under a limit of {}", words::bytes(s.bytes), s.text, words::bytes(l))
        }
        (Some(s), None) => format!(" at the {} that {} allows", words::bytes(s.bytes), s.text),
        (None, Some(l)) => {
            format!(", at the size that the runtime chose by itself under a limit of {}", words::bytes(l))
        }
        (None, None) => String::new(),
    }
}

fn advise(case: &Case, pool: Option<&'static Pool>, finding: Finding) -> Finding {
    let limit = limit(case);
    let heap = pool.is_none_or(Pool::is_heap);
    let setting = settings::all(case, limit.unwrap_or_default()).into_iter().find(|s| heap && s.bytes > 0);
    let first = match (setting, limit) {
        (Some(s), Some(l)) if s.bytes < l / 10 * 7 => {
            format!(
                "The limit has room for a larger heap: set {} ({} of it) in place of {}.",
                s.fitting(l),
                s.runtime.share(),
                s.words()
            )
        }
        (Some(s), Some(l)) => format!(
            "The heap takes nearly all of the limit already ({} of {}): raise both together, the heap to three quarters of the limit.",
            words::bytes(s.bytes),
            words::bytes(l)
        ),
        (Some(s), None) => format!("Allow a larger heap than {}, and set a memory limit a third above it.", s.words()),
        (None, _) => pool.map_or_else(
            || "Allow its runtime a larger heap, and keep the memory limit a third above it.".to_owned(),
            |p| p.advice(limit),
        ),
    };
    finding.advise(first).advise(pool.map_or("Or find what fills it: a heap dump names it.", Pool::search))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn the_memory_of_a_card_is_no_heap() {
        for log in [
            "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n",
            "error: unable to allocate CUDA0 buffer\n",
        ] {
            let found = World::new().crashed(1, "Error", 9).log(log).diagnose();
            assert_eq!(found.reason, Reason::RuntimeHeapExhausted, "{log}");
            assert!(found.summary.contains("GPU"), "{}", found.summary);
            assert!(!found.remediation.iter().any(|r| r.text.contains("-Xmx")), "{log}");
        }
    }

    #[test]
    fn a_jvm_told_to_exit_on_a_full_heap_exits_3() {
        let world = |code| {
            World::new()
                .crashed(code, "Error", 900)
                .with(|w| w.container().args = vec!["-XX:+ExitOnOutOfMemoryError".into(), "-Xmx256m".into()])
        };
        let found = world(3).diagnose();
        assert_eq!(found.reason, Reason::RuntimeHeapExhausted);
        assert!(found.summary.contains("256Mi that -Xmx256m allows"), "{}", found.summary);
        assert!(world(1).examine(examine).is_empty());
    }

    #[test]
    fn the_advice_is_for_the_runtime_and_the_pool_that_was_full() {
        for (line, what, advice) in [
            ("java.lang.OutOfMemoryError: Java heap space", "Its own heap was full", "-Xmx192m"),
            ("java.lang.OutOfMemoryError: Metaspace", "(Metaspace) was full", "MaxMetaspaceSize"),
            ("java.lang.OutOfMemoryError: Direct buffer memory", "direct buffers was full", "MaxDirectMemorySize"),
            (
                "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
                "Its own heap was full",
                "--max-old-space-size=192",
            ),
            (
                "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /var/www/html/index.php on line 3",
                "PHP's memory_limit",
                "Raise memory_limit",
            ),
            ("MemoryError: Unable to allocate 7.45 GiB for an array", "the system gives it", "ulimit -v"),
            (
                "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
                "The GPU's memory was full",
                "smaller",
            ),
        ] {
            let world = World::new()
                .crashed(1, "Error", 60)
                .log(&format!("{line}\n"))
                .with(|w| w.container().resources.memory_limit = Some(256 << 20));
            let found = world.diagnose();
            assert_eq!(found.reason, Reason::RuntimeHeapExhausted, "{line}");
            assert!(found.summary.contains(what), "{}", found.summary);
            assert!(found.remediation[0].text.contains(advice), "{line}: {:?}", found.remediation);
        }
    }

    #[test]
    fn who_lived_on_until_its_probe_killed_it_did_not_give_up() {
        let world = World::new()
            .crashed(137, "Error", 900)
            .log(
                "java.lang.OutOfMemoryError: Java heap space\njava.lang.OutOfMemoryError: GC overhead limit exceeded\n",
            )
            .event("Unhealthy", "Liveness probe failed: context deadline exceeded", 890)
            .event("Killing", "Container app failed liveness probe, will be restarted", 890);
        let found = world.examine(examine);
        assert!(found[0].summary.contains("no longer answered its liveness probe"), "{}", found[0].summary);
        assert!(!found[0].summary.contains("gave up"), "{}", found[0].summary);
    }

    #[test]
    fn the_kernels_word_stands() {
        let world = World::new().crashed(137, "OOMKilled", 900).log("java.lang.OutOfMemoryError: Java heap space\n");
        assert!(world.examine(examine).is_empty());
    }
}
