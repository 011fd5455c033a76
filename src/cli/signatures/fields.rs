//! The fields of one entry, each taken once and checked: what is left at the end is unknown, and said so.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::evidence::text;

/// Longest pattern, bytes.
const MAX_PATTERN: usize = 2048;
/// Most memory that one compiled pattern, and its lazily built automaton, may take.
const MAX_COMPILED: usize = 1 << 20;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Its path in the entry.
    pub field: String,
    /// In words.
    pub why: String,
}

/// A map that is being read.
pub struct Fields<'v> {
    map: Map<String, Value>,
    path: &'v str,
    /// What was wrong so far.
    pub errors: Vec<Error>,
}

impl<'v> Fields<'v> {
    /// The fields of a value; `path`: what stands before their names, e.g. `match.`.
    pub fn of(value: &Value, path: &'v str) -> Self {
        if let Value::Object(map) = value {
            return Self { map: map.clone(), path, errors: Vec::new() };
        }
        let field = path.trim_end_matches('.').to_owned();
        Self { map: Map::new(), path, errors: vec![Error { field, why: "expected a map of fields".into() }] }
    }

    /// Notes an error at a field.
    pub fn bad(&mut self, field: &str, why: impl Into<String>) {
        self.errors.push(Error { field: format!("{}{field}", self.path), why: why.into() });
    }

    /// Whether a field is given.
    pub fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|v| !v.is_null())
    }

    /// Takes a field; null counts as absent.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|v| !v.is_null())
    }

    /// Takes a text of at most `max` characters, without control characters.
    pub fn text(&mut self, field: &str, max: usize) -> Option<String> {
        let value = self.take(field)?;
        match checked_text(&value, max) {
            Ok(text) => Some(text),
            Err(why) => {
                self.bad(field, why);
                None
            }
        }
    }

    /// Takes a pattern and compiles it. `^` and `$` mean the ends of a line.
    pub fn pattern(&mut self, field: &str) -> Option<Regex> {
        let value = self.take(field)?;
        match compile(&value) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                self.bad(field, why);
                None
            }
        }
    }

    /// Whatever was not taken is not known.
    pub fn finish(mut self, known: &str) -> Vec<Error> {
        for field in std::mem::take(&mut self.map).into_iter().map(|(k, _)| k) {
            self.bad(&text::word(&text::bound(&field, 80)), format!("unknown field; known are {known}"));
        }
        self.errors
    }
}

/// A text that is neither empty nor too long; whatever could disturb a terminal is gone.
pub fn checked_text(value: &Value, max: usize) -> Result<String, String> {
    let Value::String(given) = value else { return Err(format!("expected text, not {}", kind(value))) };
    let given = given.trim();
    match given.chars().count() {
        0 => Err("is empty".into()),
        n if n > max => Err(format!("longer than {max} characters")),
        _ => Ok(text::clean(given).into_owned()),
    }
}

fn compile(value: &Value) -> Result<Regex, String> {
    let Value::String(given) = value else {
        return Err(format!("expected a regular expression as text, not {}", kind(value)));
    };
    if given.is_empty() {
        return Err("is empty".into());
    }
    if given.len() > MAX_PATTERN {
        return Err(format!("longer than {MAX_PATTERN} bytes"));
    }
    let built = RegexBuilder::new(given).multi_line(true).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
    let pattern = built.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => "too large when compiled: use fewer or smaller repetitions".into(),
        // The error draws the place below the pattern; its last line says what is wrong.
        other => other.to_string().lines().last().unwrap_or_default().trim().replacen("error: ", "", 1),
    })?;
    if pattern.is_match("") {
        return Err("matches everything, as it matches the empty text".into());
    }
    Ok(pattern)
}

/// What a value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false (quote it)",
        Value::Number(_) => "a number (quote it)",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
