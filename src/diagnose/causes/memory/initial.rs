//! Where the JVM's heap starts (`-Xms`): above the most that it may take, the JVM does not start at all ("Initial heap size set
//! to a larger value than the maximum heap size"). Whoever lowers the one must lower the other.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::MI;
use crate::diagnose::Case;

static INITIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<flag>-Xms|-XX:InitialHeapSize=)(?P<size>\d+)(?P<unit>[kKmMgGtT]?)\b").expect("a valid pattern")
});

/// The same text, with no heap that starts above `ceiling` bytes.
pub(super) fn lowered(text: &str, ceiling: u64) -> String {
    let lower = |c: &Captures| {
        if bytes(c).is_some_and(|b| b > ceiling) { format!("{}{}m", &c["flag"], ceiling / MI) } else { c[0].to_owned() }
    };
    INITIAL.replace_all(text, lower).into_owned()
}

/// A heap that starts above `ceiling`, wherever the spec says so: the place, and the setting as it stands.
pub(super) fn above<'a>(case: &'a Case, ceiling: u64) -> Option<(&'a str, &'a str)> {
    let env = case.container.env.iter().filter_map(|e| Some((e.name.as_str(), e.value.as_deref()?)));
    let args = case.container.command_line().map(|a| ("command", a));
    env.chain(args).find_map(|(place, text)| {
        let found = INITIAL.captures_iter(text).find(|c| bytes(c).is_some_and(|b| b > ceiling))?;
        Some((place, found.get(0)?.as_str()))
    })
}

fn bytes(found: &Captures) -> Option<u64> {
    let number: u64 = found["size"].parse().ok()?;
    number.checked_mul(super::settings::scale(&found["unit"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_starts_above_is_lowered() {
        for (text, wanted) in [
            ("-Xms1024m -Xmx576m", "-Xms576m -Xmx576m"),
            ("-XX:InitialHeapSize=1g -XX:+UseG1GC", "-XX:InitialHeapSize=576m -XX:+UseG1GC"),
            ("-Xms256m -Xmx576m", "-Xms256m -Xmx576m"),
            ("-Xmx576m", "-Xmx576m"),
        ] {
            assert_eq!(lowered(text, 576 * MI), wanted);
        }
    }
}
