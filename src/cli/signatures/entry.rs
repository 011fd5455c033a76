//! One entry of a signatures file -> [`Signature`]; all that is wrong with it at once.

use regex::Regex;
use serde_json::Value;

use crate::diagnose::signature::Signature;
use crate::diagnose::{Confidence, Reason, Remedy};
use crate::evidence::text;

use super::fields::{Error, Fields, checked_text, kind};

const MAX_NAME: usize = 100;
const MAX_SUMMARY: usize = 500;
const MAX_ADVICE: usize = 1000;
const MAX_REMEDIES: usize = 10;
const MAX_URL: usize = 500;
const MAX_CODES: usize = 50;

/// `entry 3 (licence-expired)`, counted from one.
pub fn label(index: usize, value: &Value) -> String {
    let name = value.get("name").and_then(Value::as_str).map(|n| text::word(&text::bound(n, 80)));
    match name.filter(|n| !n.is_empty()) {
        Some(name) => format!("entry {} ({name})", index + 1),
        None => format!("entry {}", index + 1),
    }
}

/// The signature, or everything that is wrong.
pub fn signature(value: &Value) -> Result<Signature, Vec<Error>> {
    let mut f = Fields::of(value, "");
    if !value.is_object() {
        return Err(f.errors);
    }
    if !f.has("name") {
        f.bad("name", "is missing");
    }
    let name = f.text("name", MAX_NAME);
    let patterns = patterns(&mut f);
    let reason = reason(&mut f);
    let confidence = confidence(&mut f);
    let summary = f.text("summary", MAX_SUMMARY);
    let remediation = remediation(&mut f);
    let runbook = runbook(&mut f);
    if let Some(p) = &patterns {
        check_captures(&mut f, p, summary.as_deref(), &remediation);
    }
    let errors = f.finish("name, match, reason, confidence, summary, remediation, runbook");
    let (Some(name), Some(p), Some(reason), true) = (name, patterns, reason, errors.is_empty()) else {
        return Err(errors);
    };
    Ok(Signature {
        name,
        log: p.log,
        message: p.message,
        exit_codes: p.exit_codes,
        container: p.container,
        image: p.image,
        reason,
        confidence,
        summary,
        remediation,
        runbook,
    })
}

struct Patterns {
    log: Option<Regex>,
    message: Option<Regex>,
    exit_codes: Vec<i32>,
    container: Option<Regex>,
    image: Option<Regex>,
}

fn patterns(entry: &mut Fields) -> Option<Patterns> {
    let Some(value) = entry.take("match") else {
        entry.bad("match", "is missing");
        return None;
    };
    let mut f = Fields::of(&value, "match.");
    let given = ["log", "message", "exitCode"].iter().any(|k| value.get(k).is_some_and(|v| !v.is_null()));
    if value.is_object() && !given {
        entry.bad("match", "needs at least one of log, message, exitCode");
    }
    let found = Patterns {
        log: f.pattern("log"),
        message: f.pattern("message"),
        exit_codes: exit_codes(&mut f),
        container: f.pattern("container"),
        image: f.pattern("image"),
    };
    entry.errors.extend(f.finish("log, message, exitCode, container, image"));
    Some(found)
}

fn exit_codes(f: &mut Fields) -> Vec<i32> {
    let codes = match f.take("exitCode") {
        None => return Vec::new(),
        Some(Value::Array(list)) if list.len() <= MAX_CODES && !list.is_empty() => list,
        Some(Value::Array(_)) => {
            f.bad("exitCode", format!("expected one to {MAX_CODES} numbers"));
            return Vec::new();
        }
        Some(one) => vec![one],
    };
    // Windows has larger codes than 255; that is for the user to know.
    let read: Option<Vec<i32>> = codes.iter().map(|c| i32::try_from(c.as_i64()?).ok()).collect();
    read.unwrap_or_else(|| {
        f.bad("exitCode", "expected a whole number, or a list of them");
        Vec::new()
    })
}

fn reason(f: &mut Fields) -> Option<Reason> {
    if !f.has("reason") {
        f.bad("reason", "is missing");
        return None;
    }
    let name = f.text("reason", MAX_NAME)?;
    match name.parse::<Reason>() {
        Ok(Reason::Unknown) => f.bad("reason", "Unknown is what is said where no reason is found"),
        Ok(reason) => return Some(reason),
        Err(_) => {
            let near = nearest(&name).map(|r| format!(" (did you mean {r}?)")).unwrap_or_default();
            f.bad("reason", format!("no reason is called {name}{near}; `crash-diagnosis causes` lists all, your own words go into summary"));
        }
    }
    None
}

fn nearest(name: &str) -> Option<Reason> {
    let name = name.to_lowercase();
    let distance = |r: &Reason| strsim::damerau_levenshtein(&name, &r.as_str().to_lowercase());
    Reason::ALL.iter().copied().min_by_key(distance).filter(|r| distance(r) <= 4)
}

fn confidence(f: &mut Fields) -> Confidence {
    match f.text("confidence", MAX_NAME).as_deref() {
        None | Some("Likely") => Confidence::Likely,
        Some("Certain") => Confidence::Certain,
        Some("Possible") => Confidence::Possible,
        Some(_) => {
            f.bad("confidence", "expected Certain, Likely or Possible");
            Confidence::Likely
        }
    }
}

/// A text, or a list of texts and of maps with `text` and `command`.
fn remediation(f: &mut Fields) -> Vec<Remedy> {
    let list = match f.take("remediation") {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    if list.len() > MAX_REMEDIES {
        f.bad("remediation", format!("more than {MAX_REMEDIES} pieces of advice"));
        return Vec::new();
    }
    let mut advice = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let field = format!("remediation[{i}]");
        match item {
            Value::String(_) => match checked_text(item, MAX_ADVICE) {
                Ok(text) => advice.push(Remedy::text(text)),
                Err(why) => f.bad(&field, why),
            },
            Value::Object(_) => {
                let path = format!("{field}.");
                let mut part = Fields::of(item, &path);
                if !part.has("text") {
                    part.bad("text", "is missing");
                }
                let (text, command) = (part.text("text", MAX_ADVICE), part.text("command", MAX_ADVICE));
                advice.extend(text.map(|text| Remedy { text, command }));
                f.errors.extend(part.finish("text, command"));
            }
            other => f.bad(&field, format!("expected text, or a map with text and command, not {}", kind(other))),
        }
    }
    advice
}

fn runbook(f: &mut Fields) -> Option<String> {
    let url = f.text("runbook", MAX_URL)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || url.contains(char::is_whitespace) {
        f.bad("runbook", "expected an address that begins with https:// or http://");
        return None;
    }
    Some(url)
}

/// `$3` where no pattern has three groups is a slip that would show at the worst of times.
fn check_captures(f: &mut Fields, p: &Patterns, summary: Option<&str>, remediation: &[Remedy]) {
    let groups = [&p.log, &p.message].into_iter().flatten().map(|r| r.captures_len() - 1).max().unwrap_or(0);
    let too_high = |text: &str| numbers(text).find(|n| *n == 0 || *n > groups);
    let why = |n: usize| format!("${n}: the patterns have {groups} capture groups");
    if let Some(n) = summary.and_then(too_high) {
        f.bad("summary", why(n));
    }
    for (i, r) in remediation.iter().enumerate() {
        if let Some(n) = too_high(&r.text) {
            f.bad(&format!("remediation[{i}]"), why(n));
        }
    }
}

/// The numbers of `$1` and `${1}` in a text.
fn numbers(text: &str) -> impl Iterator<Item = usize> {
    text.split('$').skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}
