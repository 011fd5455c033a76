//! RuntimeHeapExceedsLimit: the runtime was told, or believes, that it may use more memory than the kernel allows.

use super::settings::{self, Runtime, Setting};
use super::{MI, initial, limit, limit_evidence, status_evidence};
use crate::diagnose::facts::Terminated;
use crate::diagnose::log::Concept;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, kubectl, stop, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let (Some(crash), Some(limit)) = (case.crash(), limit(case)) else { return Vec::new() };
    if !died_of_memory(case, crash) {
        return Vec::new();
    }
    let worst = settings::all(case, limit)
        .into_iter()
        .filter(|s| s.bytes.saturating_add(s.runtime.headroom(limit)) > limit)
        .max_by_key(|s| (s.source == Source::PodSpec, s.bytes, !s.text.starts_with("-Xms")));
    worst.map(|setting| finding(case, crash, &setting, limit)).into_iter().collect()
}

/// Killed for memory, or refused the memory for its heap at start (`Could not reserve enough space for object heap`).
fn died_of_memory(case: &Case, crash: &Terminated) -> bool {
    if crash.reason == "OOMKilled" {
        return crash.exit_code == 137 || stop::stop(case).is_none();
    }
    let unexplained = crash.exit_code == 137 && stop::stop(case).is_none() && stop::probe_kill(case).is_none();
    unexplained || case.log().find(Concept::OutOfMemory).is_some()
}

fn finding(case: &Case, crash: &Terminated, setting: &Setting, limit: u64) -> Finding {
    let (allowed, of) = (words::bytes(setting.bytes), words::bytes(limit));
    let after = crash.ran_for().map_or_else(String::new, |s| format!(" {} after its start", words::seconds(s)));
    let relation = if setting.bytes >= limit {
        let whose = if super::is_shared(case) { "pod" } else { "container" };
        format!("the {} may grow to {allowed}, the {whose}'s memory limit is {of}", setting.runtime.word())
    } else {
        let rest = words::bytes(limit - setting.bytes);
        format!(
            "the {} may take {allowed} of the {of} limit, which leaves {rest} for everything else",
            setting.runtime.word()
        )
    };
    let refused = crash.reason != "OOMKilled" && case.log().find(Concept::OutOfMemory).is_some();
    let how = if refused { "Refused the memory for its heap" } else { "Killed for memory" };
    let text = format!("{how}{after}: {relation} ({}).", setting.words());
    // With another exit code the kernel took a child: whether it is the process that the setting is for, nobody says.
    let (confidence, basis) = match (crash.reason.as_str(), crash.exit_code) {
        ("OOMKilled", 137) => (Confidence::Likely, Basis::Explained),
        // It says itself that it was refused memory, and asks for more than there is.
        _ if refused && setting.bytes >= limit => (Confidence::Likely, Basis::Explained),
        _ => (Confidence::Possible, Basis::Inferred),
    };
    let place = Evidence::new(setting.source, format!("{}: {}", setting.place, setting.text));
    let mut finding = Finding::new(Reason::RuntimeHeapExceedsLimit, confidence, basis, text).evidence(place);
    if refused {
        finding
            .evidence
            .extend(case.log().find(Concept::OutOfMemory).map(|f| Evidence::new(Source::Log, f.quote.clone())));
    }
    finding.evidence.extend(limit_evidence(case));
    finding.evidence.extend(status_evidence(case));
    advise(case, finding, setting, limit)
}

fn advise(case: &Case, finding: Finding, setting: &Setting, limit: u64) -> Finding {
    let room = setting.bytes.saturating_add(setting.runtime.headroom(setting.bytes.saturating_mul(5) / 4));
    let bytes = room.div_ceil(256 << 20) * (256 << 20);
    let (needed, of) = (words::quantity(bytes), if super::is_shared(case) { "pod's " } else { "" });
    let initial = initial::above(case, ceiling(setting, limit)).filter(|(_, text)| *text != setting.text);
    let with_it = initial.map_or_else(String::new, |(place, text)| {
        format!(" Lower {text} in {place} with it: a JVM whose heap is to start above its maximum does not start.")
    });
    // What the log says of the heap is no setting that could be replaced.
    let instead = match setting.source {
        Source::Log => String::new(),
        _ => format!(", in place of {}", setting.words()),
    };
    let text = format!(
        "Set {}, {} of the limit{instead}, so that the rest of the process fits beside it.{with_it}",
        setting.fitting(limit),
        setting.runtime.share()
    );
    let finding = match set_env(case, setting, limit) {
        Some(command) => finding.advise_command(text, command),
        None => finding.advise(text),
    };
    let text = format!("Or, if it needs that heap, raise the {of}memory limit to {needed}.");
    match super::set_limit(case, bytes) {
        Some(command) => finding.advise_command(text, command),
        None => finding.advise(text),
    }
}

/// The largest heap after the advice, in bytes; no bound where the heap is no JVM's.
fn ceiling(setting: &Setting, limit: u64) -> u64 {
    if setting.runtime == Runtime::Jvm { setting.runtime.part(limit) * MI } else { u64::MAX }
}

/// The variable with the setting in it replaced, where the spec itself gives its value. Nothing where the heap would then start
/// above its maximum, by a setting in another place.
fn set_env(case: &Case, setting: &Setting, limit: u64) -> Option<String> {
    let value = case.container.env.iter().find(|e| e.name == setting.place)?.value.as_deref()?;
    let wanted = setting.fitting(limit);
    let wanted = wanted.split(" (").next()?;
    let most = ceiling(setting, limit);
    if initial::above(case, most).is_some_and(|(place, _)| place != setting.place) {
        return None;
    }
    let wanted = match wanted.strip_prefix(&format!("{}=", setting.place)) {
        Some(size) => size.to_owned(),
        None => initial::lowered(&value.replacen(&setting.text, wanted, 1), most),
    };
    kubectl::set_env(case, &setting.place, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::EnvVar;
    use crate::diagnose::testing::World;

    fn world(limit_mi: u64, name: &str, value: &str) -> World {
        World::new().crashed(137, "OOMKilled", 420).with(|w| {
            w.container().resources.memory_limit = Some(limit_mi << 20);
            w.container().env.push(EnvVar { name: name.into(), value: Some(value.into()), from: None });
        })
    }

    #[test]
    fn a_heap_above_the_limit_explains_the_kill() {
        for (limit, name, value) in [
            (512, "JAVA_OPTS", "-Xms1g -Xmx4g"),
            (512, "JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=95.0"),
            (1024, "KAFKA_HEAP_OPTS", "-XX:MaxRAMFraction=1"),
            (1024, "NODE_OPTIONS", "--max-old-space-size=3072"),
            (512, "GOMEMLIMIT", "1GiB"),
            (512, "DOTNET_GCHeapHardLimit", "0x40000000"),
            (512, "DOTNET_GCHeapHardLimitPercent", "64"),
            (1024, "MAX_HEAP_SIZE", "2G"),
        ] {
            let found = world(limit, name, value).diagnose();
            assert_eq!(found.reason, Reason::RuntimeHeapExceedsLimit, "{name}={value}");
            assert!(found.evidence[0].detail.starts_with(name), "{:?}", found.evidence);
        }
    }

    #[test]
    fn the_advice_is_the_same_setting_with_a_value_that_fits() {
        for (name, value, wanted) in [
            ("JAVA_OPTS", "-Xms1g -Xmx4g -XX:+UseG1GC", "JAVA_OPTS='-Xms768m -Xmx768m -XX:+UseG1GC'"),
            ("NODE_OPTIONS", "--max-old-space-size=3072", "NODE_OPTIONS=--max-old-space-size=768"),
            ("GOMEMLIMIT", "2GiB", "GOMEMLIMIT=921MiB"),
            ("DOTNET_GCHeapHardLimit", "0x80000000", "DOTNET_GCHeapHardLimit=30000000"),
        ] {
            let found = world(1024, name, value).diagnose();
            let command = found.remediation[0].command.as_deref().unwrap_or_default();
            assert_eq!(command, format!("kubectl -n shop set env deployment/web -c app {wanted}"));
        }
    }

    #[test]
    fn a_start_above_the_new_maximum_is_lowered_with_it_or_named() {
        let initial = |w: &mut World| {
            w.container().env.push(EnvVar { name: "EXTRA".into(), value: Some("-Xms1g".into()), from: None });
        };
        let found = world(1024, "JAVA_OPTS", "-Xmx1g").with(initial).diagnose();
        let first = &found.remediation[0];
        assert!(first.text.contains("Lower -Xms1g in EXTRA with it"), "{}", first.text);
        assert_eq!(first.command, None);
        let found = world(1024, "JAVA_OPTS", "-Xmx1g -Xms512m").diagnose();
        assert!(!found.remediation[0].text.contains("Lower"), "{}", found.remediation[0].text);
    }

    #[test]
    fn a_heap_that_fits_does_not() {
        for (limit, name, value) in [
            (512, "JAVA_OPTS", "-Xmx400m"),
            (2048, "JAVA_OPTS", "-XX:MaxRAMPercentage=75"),
            (4096, "NODE_OPTIONS", "--max-old-space-size=3072"),
            (512, "GOMEMLIMIT", "450MiB"),
            (512, "CACHE_SIZE", "4G"),
        ] {
            assert_eq!(world(limit, name, value).diagnose().reason, Reason::MemoryLimitExceeded, "{name}={value}");
        }
    }

    #[test]
    fn the_log_tells_what_the_runtime_believes() {
        let log = "{\"message\":\"v8 heap_size_limit 4345298944\"}\nserving\n";
        let found = world(4096, "A", "b").log(log).diagnose();
        assert_eq!(found.reason, Reason::RuntimeHeapExceedsLimit);
        assert_eq!(found.evidence[0].source, Source::Log);
        let used_of = |most: &str| {
            let log = format!(
                "INFO  [main] CassandraDaemon.java:493 - Heap size: 120.000MiB/{most}\nINFO  [main] starting\n"
            );
            world(1024, "A", "b").log(&log).diagnose().reason
        };
        assert_eq!(used_of("1012.000MiB"), Reason::RuntimeHeapExceedsLimit);
        assert_eq!(used_of("512.000MiB"), Reason::MemoryLimitExceeded);
    }

    #[test]
    fn args_count() {
        let found =
            world(1024, "A", "b").with(|w| w.container().args = vec!["-Xmx".into(), "-Xmx2g".into()]).diagnose();
        assert!(found.summary.contains("-Xmx2g in command"), "{}", found.summary);
    }

    #[test]
    fn a_childs_death_is_not_surely_the_settings() {
        let found = world(1024, "NODE_OPTIONS", "--max-old-space-size=2048").crashed(2, "OOMKilled", 390).diagnose();
        assert_eq!(found.reason, Reason::MemoryLimitExceeded);
        assert_eq!(found.alternatives[0].reason, Reason::RuntimeHeapExceedsLimit);
    }

    #[test]
    fn an_exit_of_its_own_is_not_blamed_on_the_setting() {
        let exited = world(512, "JAVA_OPTS", "-Xmx4g").crashed(1, "Error", 4);
        assert!(exited.examine(examine).is_empty());
    }
}
