//! MemoryLeak: killed at the limit again and again, each time after long growth.
//!
//! A limit that is too small kills soon or at a peak; a leak kills after hours, and after about the same time each run.

use std::sync::LazyLock;

use regex::Regex;

use super::{limit, limit_evidence, raise, status_evidence, whose};
use crate::diagnose::facts::{Terminated, seconds_between};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, words};

/// A run at least this long, in seconds, is growth rather than a start or a peak.
const LONG: i64 = 3_600;

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| c.reason == "OOMKilled" && c.exit_code == 137) else { return Vec::new() };
    let Some(ran) = crash.ran_for() else { return Vec::new() };
    let Some(limit) = limit(case) else { return Vec::new() };
    let growth = growth(case);
    let runs = runs(case, crash);
    let regular = ran >= LONG && runs.len() >= 2 && runs.iter().all(|r| *r >= LONG);
    if !regular && growth.is_none() {
        return Vec::new();
    }
    // without figures in the log the growth is concluded from the times of the kills
    let grows = if growth.is_some() { "Memory grows" } else { "Memory most likely grows" };
    let text = format!(
        "{grows} until the kernel kills it at {} limit of {}, {} after each start ({} so far).",
        whose(case),
        words::bytes(limit),
        span(&runs, ran),
        words::times(case.container.status.restarts.max(1))
    );
    let mut finding = Finding::new(Reason::MemoryLeak, Confidence::Likely, Basis::Inferred, text);
    finding.evidence.extend(status_evidence(case));
    finding.evidence.extend(growth.map(|g| Evidence::new(Source::Log, g)));
    finding.evidence.extend(limit_evidence(case));
    let (text, command) = raise(case, limit);
    let finding = finding
        .advise("Find what grows: take two heap profiles some time apart and compare them, or watch kubectl top pod over one run.")
        .but("a limit that is too small for a rare peak looks the same");
    let text = format!("A higher limit only puts the kill off; to gain time meanwhile: {text}");
    vec![match command {
        Some(command) => finding.advise_command(text, command),
        None => finding.advise(text),
    }]
}

/// How long the runs were that ended so: the history's, else the mean since the pod was made.
fn runs(case: &Case, crash: &Terminated) -> Vec<i64> {
    let mut runs: Vec<i64> = crash.ran_for().into_iter().collect();
    runs.extend(case.earlier_crash().filter(|c| c.reason == "OOMKilled").and_then(Terminated::ran_for));
    runs.extend(case.past().filter(|p| p.reason == "OOMKilled").filter_map(|p| p.ran_for));
    if runs.len() == 1
        && case.container.status.restarts >= 2
        && let Some(mean) = mean_run(case, crash)
        && mean <= runs[0] * 4
    {
        runs.push(mean);
    }
    runs
}

fn mean_run(case: &Case, crash: &Terminated) -> Option<i64> {
    let whole = seconds_between(case.pod.start_time.or(case.pod.created)?, crash.finished?)?;
    whole.checked_div(i64::from(case.container.status.restarts))
}

fn span(runs: &[i64], ran: i64) -> String {
    let (least, most) = (runs.iter().min().copied().unwrap_or(ran), runs.iter().max().copied().unwrap_or(ran));
    if most - least <= most / 5 {
        format!("about {}", words::seconds(ran))
    } else {
        format!("{} to {}", words::seconds(least), words::seconds(most))
    }
}

/// A figure of the process's own memory, as programs log it: `rss=512 MB`, `heap used: 1.2GB`.
static FIGURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(rss|heap(?:[ _]?used|[ _]?alloc|[ _]?inuse)?|mem(?:ory)?(?:[ _]?(?:usage|used))?|working set|sys|alloc)\b\W{0,4}(\d{1,7}(?:\.\d+)?)\s*(mib|mb|gib|gb|m\b|g\b)")
        .expect("a valid pattern")
});

/// At least four figures of one kind that rise throughout and at least by half: first and last, quoted.
fn growth(case: &Case) -> Option<String> {
    let log = case.crash_log()?;
    let mut kind: Option<String> = None;
    let mut figures: Vec<(f64, &str)> = Vec::new();
    for line in log.text.lines().take(5_000) {
        let Some(found) = FIGURE.captures(line) else { continue };
        let name = found[1].to_lowercase();
        if kind.get_or_insert_with(|| name.clone()) != &name {
            continue;
        }
        let unit = if found[3].to_lowercase().starts_with('g') { 1024.0 } else { 1.0 };
        figures.push((found[2].parse::<f64>().ok()? * unit, line.trim()));
    }
    let (first, last) = (figures.first()?, figures.last()?);
    let rising = figures.windows(2).filter(|w| w[1].0 >= w[0].0).count() * 10 >= (figures.len() - 1) * 8;
    let quote = |l: &str| l.chars().take(160).collect::<String>();
    (figures.len() >= 4 && rising && last.0 >= first.0 * 1.5).then(|| format!("{} … {}", quote(first.1), quote(last.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::PastCrash;
    use crate::diagnose::testing::{World, at};

    fn world(ran: i64) -> World {
        World::new().crashed(137, "OOMKilled", ran).with(|w| w.container().resources.memory_limit = Some(512 << 20))
    }

    #[test]
    fn hours_of_growth_again_and_again_are_a_leak() {
        let world = world(4 * 3_600).with(|w| {
            let past = PastCrash {
                container: "app".into(),
                reason: "OOMKilled".into(),
                ran_for: Some(15_000),
                ..PastCrash::default()
            };
            w.cluster.history = vec![past.clone(), past];
        });
        let found = world.diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::MemoryLeak, Confidence::Likely));
        assert!(found.summary.contains("about 4 h"), "{}", found.summary);
    }

    #[test]
    fn one_kill_is_no_trend_although_the_history_holds_it_too() {
        let world = world(9_000).with(|w| {
            w.container().status.restarts = 1;
            let same = PastCrash {
                finished: Some(at(9_000)),
                pod: "web-1".into(),
                container: "app".into(),
                reason: "OOMKilled".into(),
                ran_for: Some(9_000),
                ..PastCrash::default()
            };
            w.cluster.history = vec![same];
        });
        assert_eq!(world.diagnose().reason, Reason::MemoryLimitExceeded);
    }

    #[test]
    fn the_mean_run_stands_in_for_history() {
        let world = world(9_000).with(|w| w.pod().start_time = Some(at(-20_000)));
        assert_eq!(world.diagnose().reason, Reason::MemoryLeak);
    }

    #[test]
    fn a_quick_death_is_a_limit_that_is_too_small() {
        assert_eq!(world(21).diagnose().reason, Reason::MemoryLimitExceeded);
        let once = world(9_000).with(|w| w.container().status.restarts = 1);
        assert_eq!(once.diagnose().reason, Reason::MemoryLimitExceeded);
    }

    #[test]
    fn figures_that_rise_in_the_log_show_growth() {
        let log = "rss=100 MB\nrss=180 MB\nrss=260 MB\nrss=340 MB\nrss=420 MB\n";
        assert_eq!(world(600).log(log).diagnose().reason, Reason::MemoryLeak);
        let flat = "rss=300 MB\nrss=280 MB\nrss=310 MB\nrss=305 MB\nrss=300 MB\n";
        assert_eq!(world(600).log(flat).diagnose().reason, Reason::MemoryLimitExceeded);
    }
}
