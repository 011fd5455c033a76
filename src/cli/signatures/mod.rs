//! The user's signatures: from a file or a folder of files, each entry checked by itself. A broken entry is named (file, entry,
//! field) and left out; the others load.

mod entry;
mod fields;
pub mod reload;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diagnose::signature::{Signature, Signatures};

use super::input::objects;

/// Largest file, bytes: what a ConfigMap can hold.
const MAX_FILE: u64 = 1 << 20;
/// Most files of a folder.
const MAX_FILES: usize = 64;
/// Most signatures in all.
const MAX_SIGNATURES: usize = 200;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the folder.
    pub file: PathBuf,
    /// Which entry: `entry 3 (licence-expired)`; empty for the file as a whole.
    pub entry: String,
    /// Which field, e.g. `match.log`; empty for the entry as a whole.
    pub field: String,
    /// In words.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        for part in [&self.entry, &self.field, &self.why].into_iter().filter(|p| !p.is_empty()) {
            write!(f, ": {part}")?;
        }
        Ok(())
    }
}

/// What was loaded.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The good ones.
    pub signatures: Signatures,
    /// The others.
    pub problems: Vec<Problem>,
}

/// Loads a file, or the .yaml, .yml and .json files of a folder (not of folders below it, nor hidden ones: a mounted ConfigMap
/// holds its older self there).
pub fn load(path: &Path) -> Loaded {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    match files(path) {
        Ok(files) => files.iter().for_each(|f| match read(f).and_then(|text| parse(f, &text)) {
            Ok(entries) => add_file(f, &entries, &mut names, &mut found, &mut problems),
            Err(why) => problems.push(whole(f, why)),
        }),
        Err(why) => problems.push(whole(path, why)),
    }
    Loaded { signatures: Signatures(found.into()), problems }
}

fn whole(file: &Path, why: String) -> Problem {
    Problem { file: file.to_path_buf(), entry: String::new(), field: String::new(), why }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let about = fs::metadata(path).map_err(|e| super::input::io_words(&e))?;
    if about.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let entries = fs::read_dir(path).map_err(|e| super::input::io_words(&e))?;
    let is_ours = |p: &PathBuf| {
        let hidden = p.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
        let known = p.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        known && !hidden && p.is_file()
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(is_ours).collect();
    files.sort();
    if files.is_empty() {
        return Err("no .yaml, .yml or .json file in it".into());
    }
    if files.len() > MAX_FILES {
        return Err(format!("more than {MAX_FILES} files"));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| super::input::io_words(&e))?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| super::input::io_words(&e))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("larger than {} KiB", MAX_FILE >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".into())
}

/// The entries of a file: a list, or a map with the list under `signatures`; several documents are taken together.
fn parse(path: &Path, text: &str) -> Result<Vec<Value>, String> {
    let mut entries = Vec::new();
    for document in objects::parse(path, text)? {
        match document {
            Value::Array(list) => entries.extend(list),
            Value::Object(mut fields) => match fields.remove("signatures") {
                Some(Value::Array(list)) if fields.is_empty() => entries.extend(list),
                Some(Value::Null) if fields.is_empty() => {}
                _ => {
                    return Err(
                        "expected a list of signatures, or `signatures:` with such a list and nothing else".into()
                    );
                }
            },
            Value::Null => {}
            _ => return Err("expected a list of signatures".into()),
        }
    }
    Ok(entries)
}

fn add_file(
    file: &Path,
    entries: &[Value],
    names: &mut BTreeSet<String>,
    found: &mut Vec<Signature>,
    problems: &mut Vec<Problem>,
) {
    for (i, value) in entries.iter().enumerate() {
        let label = entry::label(i, value);
        let mut bad = |field: String, why: String| {
            problems.push(Problem { file: file.to_path_buf(), entry: label.clone(), field, why });
        };
        match entry::signature(value) {
            Ok(_) if found.len() >= MAX_SIGNATURES => {
                bad(
                    String::new(),
                    format!("more than {MAX_SIGNATURES} signatures: this one and those after it are left out"),
                );
                return;
            }
            Ok(s) if !names.insert(s.name.clone()) => bad("name".into(), "another signature has this name".into()),
            Ok(s) => found.push(s),
            Err(errors) => errors.into_iter().for_each(|e| bad(e.field, e.why)),
        }
    }
}

#[cfg(test)]
mod tests;
