//! Files and folders -> [`ClusterBuilder`]: our own bundles, `kubectl get -o yaml`, `kubectl cluster-info dump`, must-gather.
//!
//! A file that the user named must be readable and must parse; one found in a folder that does not is reported and
//! left out, unless nothing else is of use.

pub mod bundle;
mod dump_log;
mod layout;
pub mod objects;

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::diagnose::facts::Timestamp;
use crate::evidence::{ClusterBuilder, logs};

use layout::Kind;

/// Largest file of objects, in bytes.
const MAX_OBJECTS: u64 = 512 << 20;
/// Deepest folder below a path that was given.
const MAX_DEPTH: usize = 24;
/// Most files read.
const MAX_FILES: usize = 200_000;

/// Why the input cannot be used: one line that names the file and the place in it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Unusable {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong, with line and column where there are any.
    pub why: String,
}

/// What was read.
#[derive(Default)]
pub struct Input {
    /// Objects and logs.
    pub builder: ClusterBuilder,
    /// The time that a bundle of ours says it was taken at.
    pub taken_at: Option<Timestamp>,
    /// The pods that bundles are about, where nothing but bundles was given.
    pub subjects: Vec<(String, String)>,
    /// Files that were left out.
    pub skipped: Vec<Unusable>,
    /// Objects of kinds that mean something to us.
    pub objects: usize,
    /// Folders that hold a bundle, and files of objects.
    bundles: Vec<PathBuf>,
    files: Vec<PathBuf>,
    /// Logs that lack their beginning, as a bundle says.
    truncated: Vec<String>,
}

/// Reads all paths.
pub fn read(paths: &[PathBuf]) -> Result<Input, Unusable> {
    let mut input = Input::default();
    for path in paths {
        let before = input.objects;
        let skipped_before = input.skipped.len();
        let mut any_log = false;
        let is_folder = fs::metadata(path).map_err(|e| unusable(path, io_words(&e)))?.is_dir();
        for file in files_in(path)? {
            match input.file(&file) {
                Ok(was_log) => any_log |= was_log,
                Err(bad) if is_folder => input.skipped.push(bad),
                Err(bad) => return Err(bad),
            }
        }
        let bad = (input.skipped.len() > skipped_before).then(|| input.skipped.remove(skipped_before));
        match bad {
            Some(bad) if input.objects == before => return Err(bad),
            Some(bad) => input.skipped.push(bad),
            None if input.objects == before && !any_log => {
                return Err(unusable(path, "no Kubernetes objects in it (looked for .yaml, .yml and .json)"));
            }
            None => {}
        }
    }
    input.close();
    Ok(input)
}

impl Input {
    /// One file; whether it was a log.
    fn file(&mut self, path: &Path) -> Result<bool, Unusable> {
        match layout::kind_of(path) {
            Kind::Log(key) => {
                let (bytes, cut) = tail(path)?;
                self.builder.add_log(key, &bytes, cut);
                Ok(true)
            }
            Kind::DumpLog => {
                let file = File::open(path).map_err(|e| unusable(path, io_words(&e)))?;
                let parts = dump_log::split(BufReader::new(file)).map_err(|e| unusable(path, io_words(&e)))?;
                for part in parts {
                    match part.excuse() {
                        Some(why) => self.builder.add_gap(logs::gap(&part.key, crate::evidence::text::message(&why))),
                        None => self.builder.add_log(part.key, &part.bytes, part.cut),
                    }
                }
                Ok(true)
            }
            Kind::Objects => self.objects(path).map(|()| false),
            Kind::Other => Ok(false),
        }
    }

    fn objects(&mut self, path: &Path) -> Result<(), Unusable> {
        let text = whole(path)?;
        let origin = path.display().to_string();
        let values = objects::parse(path, &text).map_err(|why| unusable(path, why))?;
        for value in values {
            if let Some(bundle) = bundle::Bundle::of(&value) {
                self.taken_at = self.taken_at.max(bundle.taken_at());
                self.bundles.extend(path.parent().map(Path::to_path_buf));
                self.subjects.extend(bundle.subject());
                self.truncated.extend_from_slice(&bundle.truncated);
                bundle.note(&mut self.builder);
                continue;
            }
            if let Some((kind, namespace)) = layout::complete_list(path, &value) {
                self.builder.complete(&kind, namespace.as_deref());
            }
            let is_list = value.get("items").is_some_and(serde_json::Value::is_array);
            let used = self.builder.add_object(value, &origin);
            self.objects += used + usize::from(is_list);
            if used > 0 && self.files.last().is_none_or(|last| last != path) {
                self.files.push(path.to_path_buf());
            }
        }
        Ok(())
    }

    /// What can only be told once everything is read.
    fn close(&mut self) {
        let in_bundle = |file: &PathBuf| self.bundles.iter().any(|dir| file.starts_with(dir));
        if self.subjects.len() != self.bundles.len() || !self.files.iter().all(in_bundle) {
            self.subjects.clear();
        }
        for log in &mut self.builder.cluster_mut().logs {
            log.truncated |= self.truncated.contains(&bundle::log_name(log));
        }
    }
}

fn unusable(path: &Path, why: impl Into<String>) -> Unusable {
    Unusable { path: path.to_path_buf(), why: why.into() }
}

/// What went wrong with a file, in few words.
pub fn io_words(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => e.to_string(),
    }
}

/// The file itself, or the files below a folder in a fixed order. Links to folders are not followed.
fn files_in(path: &Path) -> Result<Vec<PathBuf>, Unusable> {
    let mut files = Vec::new();
    let mut folders = vec![(path.to_path_buf(), 0)];
    if fs::metadata(path).is_ok_and(|m| m.is_file()) {
        return Ok(vec![path.to_path_buf()]);
    }
    while let Some((folder, depth)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| unusable(&folder, io_words(&e)))?;
        for entry in entries {
            let entry = entry.map_err(|e| unusable(&folder, io_words(&e)))?;
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type().map_err(|e| unusable(&path, io_words(&e)))?;
            if kind.is_dir() && !hidden && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if !kind.is_dir() && !hidden && path.is_file() {
                files.push(path);
            }
            if files.len() > MAX_FILES {
                return Err(unusable(&folder, format!("more than {MAX_FILES} files")));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn whole(path: &Path) -> Result<String, Unusable> {
    let file = File::open(path).map_err(|e| unusable(path, io_words(&e)))?;
    let mut bytes = Vec::new();
    file.take(MAX_OBJECTS + 1).read_to_end(&mut bytes).map_err(|e| unusable(path, io_words(&e)))?;
    if bytes.len() as u64 > MAX_OBJECTS {
        return Err(unusable(path, format!("larger than {} MiB", MAX_OBJECTS >> 20)));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
        unusable(path, format!("line {line}: not UTF-8"))
    })
}

/// The newest part of a log, without reading the rest; whether something was left out.
fn tail(path: &Path) -> Result<(Vec<u8>, bool), Unusable> {
    let read = || -> std::io::Result<(Vec<u8>, bool)> {
        let mut file = File::open(path)?;
        let keep = logs::MAX_LOG as u64;
        let cut = file.metadata()?.len() > keep;
        if cut {
            file.seek(SeekFrom::End(-i64::try_from(keep).unwrap_or(i64::MAX)))?;
        }
        let mut bytes = Vec::new();
        file.take(keep).read_to_end(&mut bytes)?;
        Ok((bytes, cut))
    };
    read().map_err(|e| unusable(path, io_words(&e)))
}

#[cfg(test)]
mod tests;
