//! Heap settings of the language runtimes: in variables, command and args, and in what the log says of them at start.

use std::sync::LazyLock;

use regex::Regex;

use super::MI;
use crate::diagnose::{Case, Source};

/// Whose heap it is; decides how much memory is needed beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Metaspace, code cache, thread stacks and direct buffers come on top.
    Jvm,
    /// Young generation, code and buffers come on top.
    Node,
    /// Go's soft limit covers all of the runtime's memory.
    Go,
    /// .NET: native memory and JIT code come on top.
    DotNet,
    /// A database's cache or buffer pool; connections and working memory come on top.
    Cache,
}

impl Runtime {
    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jvm => "Java heap",
            Self::Node => "JavaScript heap",
            Self::Go => "memory of the Go runtime",
            Self::DotNet => ".NET heap",
            Self::Cache => "cache",
        }
    }

    /// The least memory, in bytes, that must stay free beside the heap under this limit. Rules of thumb of the runtimes'
    /// own tuning guides: a small JVM needs about 100 MiB of non-heap memory, a large one 15 % up to 768 MiB.
    pub fn headroom(self, limit: u64) -> u64 {
        match self {
            Self::Jvm => (limit / 100 * 15).clamp(96 * MI, 768 * MI),
            Self::Node | Self::DotNet => (limit / 10).clamp(48 * MI, 512 * MI),
            Self::Go => 0,
            Self::Cache => (limit / 5).clamp(64 * MI, 1024 * MI),
        }
    }
}

impl Runtime {
    /// How much of the limit a heap may take, by the same guides: the figure that is advised.
    pub const fn share(self) -> &'static str {
        match self {
            Self::Jvm | Self::Node | Self::DotNet => "three quarters",
            Self::Go => "nine tenths",
            Self::Cache => "half",
        }
    }

    /// That share of a limit, in whole MiB.
    pub fn part(self, limit: u64) -> u64 {
        let bytes = match self {
            Self::Jvm | Self::Node | Self::DotNet => limit / 4 * 3,
            Self::Go => limit / 10 * 9,
            Self::Cache => limit / 2,
        };
        bytes / MI
    }
}

/// One setting found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which runtime.
    pub runtime: Runtime,
    /// As it stands: `-Xmx4g`.
    pub text: String,
    /// Where: the variable's name, `args`, `log`.
    pub place: String,
    /// Kind of the place.
    pub source: Source,
    /// The heap it allows, bytes.
    pub bytes: u64,
}

impl Setting {
    /// `-Xmx2g in JAVA_OPTS`; a variable that is a size by itself only once.
    pub fn words(&self) -> String {
        match self.source {
            Source::Log => format!("{}, as its log shows", self.text),
            _ if self.text.starts_with(&self.place) => self.text.clone(),
            _ => format!("{} in {}", self.text, self.place),
        }
    }

    /// Whether it caps the heap (`-Xms` is only where it starts).
    pub fn is_ceiling(&self) -> bool {
        matches!(self.runtime, Runtime::Jvm | Runtime::Node | Runtime::DotNet) && !self.text.starts_with("-Xms")
    }

    /// The same setting with a value that fits into the limit.
    pub fn fitting(&self, limit: u64) -> String {
        let part = self.runtime.part(limit);
        let name = self.text.split(['=', ' ']).next().unwrap_or_default();
        match self.runtime {
            Runtime::Jvm if name.starts_with("-XX:MaxRAM") => "-XX:MaxRAMPercentage=75".to_owned(),
            Runtime::Jvm if name.starts_with('-') || self.source == Source::Log => format!("-Xmx{part}m"),
            Runtime::Jvm => format!("{name}={part}m"),
            Runtime::Node => format!("--max-old-space-size={part}"),
            Runtime::Go => format!("GOMEMLIMIT={part}MiB"),
            Runtime::DotNet if name.ends_with("Percent") => format!("{name}=4B (hexadecimal: 75)"),
            Runtime::DotNet => format!("{name}={:X} (hexadecimal: {part} MiB)", part * MI),
            Runtime::Cache => format!("{name} to {part} MiB"),
        }
    }
}

#[derive(Clone, Copy)]
enum Unit {
    /// Bytes, with k/m/g/t behind the number.
    Suffix,
    /// MiB.
    Mebi,
    /// GB (GiB in fact).
    Gibi,
    /// Percent of the limit.
    Percent,
    /// Percent of the limit, hexadecimal (.NET reads its settings so).
    HexPercent,
    /// Bytes, hexadecimal.
    Hex,
    /// The limit divided by this.
    Fraction,
}

/// A flag: pattern with the value in group 1 (and its unit in group 2), unit, runtime. The last occurrence in one text wins.
type Flag = (Regex, Unit, Runtime);

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    use Runtime::{Cache, Jvm, Node};
    use Unit::{Fraction, Gibi, Mebi, Percent, Suffix};
    [
        (r"-Xmx(\d+)([kKmMgGtT]?)\b", Suffix, Jvm),
        (r"-XX:MaxHeapSize=(\d+)([kKmMgGtT]?)\b", Suffix, Jvm),
        (r"-Xms(\d+)([kKmMgGtT]?)\b", Suffix, Jvm),
        (r"-XX:MaxRAMPercentage=(\d+(?:\.\d+)?)", Percent, Jvm),
        (r"-XX:MaxRAMFraction=(\d+)", Fraction, Jvm),
        (r"--max[-_]old[-_]space[-_]size[= ](\d+)", Mebi, Node),
        (r"--maxmemory[ =](\d+)([kKmMgG])[bB]?\b", Suffix, Cache),
        (r"--wiredTigerCacheSizeGB[= ](\d+(?:\.\d+)?)", Gibi, Cache),
        (r"innodb[-_]buffer[-_]pool[-_]size=(\d+)([kKmMgG]?)", Suffix, Cache),
        (r"\bshared_buffers=(\d+)([kKmMgG])[bB]", Suffix, Cache),
    ]
    .into_iter()
    .map(|(p, u, r)| (Regex::new(p).expect("a valid pattern"), u, r))
    .collect()
});

/// Variables that are a size by themselves: name pattern, value pattern, unit, runtime.
static VARIABLES: LazyLock<Vec<(Regex, Flag)>> = LazyLock::new(|| {
    let regex = |p: &str| Regex::new(p).expect("a valid pattern");
    vec![
        (regex("^GOMEMLIMIT$"), (regex(r"^(\d+)(?:([KMGT])i)?B?$"), Unit::Suffix, Runtime::Go)),
        (regex("^(?:DOTNET|COMPlus)_GCHeapHardLimit$"), (regex("^(?:0x)?([0-9a-fA-F]+)$"), Unit::Hex, Runtime::DotNet)),
        (
            regex("^(?:DOTNET|COMPlus)_GCHeapHardLimitPercent$"),
            (regex("^(?:0x)?([0-9a-fA-F]+)$"), Unit::HexPercent, Runtime::DotNet),
        ),
        (
            regex("(?i)^(?:.*_)?(?:max_?heap(?:_?size)?|heap_?size|xmx|heap_?max|jvm_?heap)$"),
            (regex(r"^(\d+)([kKmMgG])[iI]?[bB]?$"), Unit::Suffix, Runtime::Jvm),
        ),
    ]
});

/// What a program says of its heap ceiling when it starts.
static SAID: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    use Runtime::{Jvm, Node};
    [
        (r"\bheap_size_limit\D{1,5}(\d{7,})()", Node),
        (r"(?i)\bmax(?:imum|\.)? heap size[^:=\n]{0,20}[:=]\s*(\d+(?:\.\d+)?)\s*([KMG])", Jvm),
        (r"(?i)maximum memory available to JVM:\s*(\d+(?:\.\d+)?)\s*([KMG])", Jvm),
        (r"\bheap size \[(\d+(?:\.\d+)?)([kmg])b\]", Jvm),
        // Cassandra: used/most
        (r"\bHeap size: \d+(?:\.\d+)?[KMG]i?B/(\d+(?:\.\d+)?)([KMG])i?B", Jvm),
        (r"\bMaxHeapSize\s*:?=\s*(\d{7,})()", Jvm),
    ]
    .into_iter()
    .map(|(p, r)| (Regex::new(p).expect("a valid pattern"), Unit::Suffix, r))
    .collect()
});

/// How many lines at the top of a log may tell of settings.
const LOG_HEAD: usize = 60;

/// Every heap setting that can be seen. `limit`, in bytes, is what percentages are of.
pub fn all(case: &Case, limit: u64) -> Vec<Setting> {
    let mut found = Vec::new();
    for variable in &case.container.env {
        let Some(value) = variable.value.as_deref() else { continue };
        let place = &variable.name;
        flags(&FLAGS, value, limit, Source::PodSpec, place, &mut found);
        for (_, flag) in VARIABLES.iter().filter(|(name, _)| name.is_match(place)) {
            if let Some(bytes) = last(flag, value.trim(), limit).map(|m| m.0) {
                let text = format!("{place}={}", value.trim());
                found.push(Setting { runtime: flag.2, text, place: place.clone(), source: Source::PodSpec, bytes });
            }
        }
    }
    let line = case.container.command_line().collect::<Vec<_>>().join(" ");
    flags(&FLAGS, &line, limit, Source::PodSpec, "command", &mut found);
    if let Some(log) = case.crash_log().filter(|l| !l.truncated) {
        let end = log.text.match_indices('\n').nth(LOG_HEAD).map_or(log.text.len(), |(i, _)| i);
        let head = &log.text[..end];
        flags(&SAID, head, limit, Source::Log, "log", &mut found);
        if found.iter().all(|s| s.source == Source::Log) {
            flags(&FLAGS, head, limit, Source::Log, "log", &mut found);
        }
    }
    found
}

fn flags(table: &[Flag], text: &str, limit: u64, source: Source, place: &str, found: &mut Vec<Setting>) {
    for flag in table {
        if let Some((bytes, quote)) = last(flag, text, limit) {
            found.push(Setting { runtime: flag.2, text: quote, place: place.to_owned(), source, bytes });
        }
    }
}

fn last((pattern, unit, _): &Flag, text: &str, limit: u64) -> Option<(u64, String)> {
    let captures = pattern.captures_iter(text).last()?;
    let suffix = captures.get(2).map_or("", |m| m.as_str());
    let bytes = size(captures.get(1)?.as_str(), suffix, *unit, limit)?;
    Some((bytes, captures.get(0)?.as_str().to_owned()))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a size in words"
)]
fn size(number: &str, suffix: &str, unit: Unit, limit: u64) -> Option<u64> {
    let scaled = |n: f64, by: u64| Some((n * by as f64) as u64);
    match unit {
        Unit::Suffix => scaled(number.parse().ok()?, scale(suffix)),
        Unit::Mebi => scaled(number.parse().ok()?, MI),
        Unit::Gibi => scaled(number.parse().ok()?, 1 << 30),
        Unit::Percent => scaled(number.parse::<f64>().ok()? / 100.0, limit),
        Unit::HexPercent => scaled(u64::from_str_radix(number, 16).ok()? as f64 / 100.0, limit),
        Unit::Hex => u64::from_str_radix(number, 16).ok(),
        Unit::Fraction => limit.checked_div(number.parse().ok()?),
    }
}

pub(super) fn scale(suffix: &str) -> u64 {
    match suffix.to_ascii_lowercase().as_str() {
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        "t" => 1 << 40,
        _ => 1,
    }
}
