//! A bundle on disk: `bundle.yaml`, `objects.yaml`, `logs/NAMESPACE/POD/CONTAINER/{previous,current}.log`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::diagnose::facts::{Log, LogSlot};

use super::input::bundle::{Bundle, KIND};
use super::input::{io_words, objects};

const NOTES: &str = "bundle.yaml";
const OBJECTS: &str = "objects.yaml";
const LOGS: &str = "logs";

/// Whether a bundle may be written there: into a new or empty folder, or over an older bundle; elsewhere only by force.
pub fn may_write(dir: &Path, force: bool) -> Result<(), String> {
    let at = |e: &std::io::Error| format!("{}: {}", dir.display(), io_words(e));
    match fs::metadata(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(at(&e)),
        Ok(m) if !m.is_dir() => return Err(format!("{}: not a folder", dir.display())),
        Ok(_) => {}
    }
    let empty = fs::read_dir(dir).map_err(|e| at(&e))?.next().is_none();
    if empty || force || is_bundle(dir) {
        return Ok(());
    }
    Err(format!("{}: holds other files; choose another folder, or --force", dir.display()))
}

fn is_bundle(dir: &Path) -> bool {
    let kind = format!("kind: {KIND}");
    fs::read_to_string(dir.join(NOTES)).is_ok_and(|text| text.lines().any(|l| l.trim() == kind))
}

/// Writes it; an older bundle's files go first, so that nothing of them is left. Returns what was written, in words.
pub fn write<'a>(
    dir: &Path,
    bundle: &Bundle,
    objects: impl Iterator<Item = &'a Value>,
    logs: impl Iterator<Item = &'a Log>,
) -> Result<String, String> {
    let gone = |r: std::io::Result<()>| match r {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {}", dir.display(), io_words(&e))),
        _ => Ok(()),
    };
    fs::create_dir_all(dir).map_err(|e| format!("{}: {}", dir.display(), io_words(&e)))?;
    gone(fs::remove_file(dir.join(NOTES)))?;
    gone(fs::remove_file(dir.join(OBJECTS)))?;
    gone(fs::remove_dir_all(dir.join(LOGS)))?;
    let (mut text, mut count) = (String::new(), 0);
    for object in objects {
        text += "---\n";
        text += &document(object)?;
        count += 1;
    }
    put(&dir.join(OBJECTS), &text)?;
    let mut written = 0;
    for log in logs {
        let Some(path) = log_path(log) else { continue };
        put(&dir.join(path), &log.text)?;
        written += 1;
    }
    put(&dir.join(NOTES), &document(bundle)?)?;
    Ok(format!("{count} object{}, {written} log{}", plural(count), plural(written)))
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// As YAML; as JSON, which is YAML too, where reading it back would give something else.
fn document<T: Serialize>(value: &T) -> Result<String, String> {
    let wanted = serde_json::to_value(value).map_err(|e| e.to_string())?;
    let yaml = serde_saphyr::to_string(&wanted).unwrap_or_default();
    let same = objects::parse(Path::new(OBJECTS), &format!("---\n{yaml}")).is_ok_and(|read| read == [wanted.clone()]);
    let text = if same { yaml } else { wanted.to_string() };
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// Names come from the API server and are checked all the same before they become a path.
fn log_path(log: &Log) -> Option<PathBuf> {
    let file = match log.slot {
        LogSlot::Previous => "previous.log",
        LogSlot::Current => "current.log",
    };
    let names = [&log.namespace, &log.pod, &log.container];
    let safe = |n: &&String| !n.is_empty() && !n.starts_with('.') && !n.contains(['/', '\\', '\0']);
    if !names.iter().all(safe) {
        return None;
    }
    Some(names.iter().fold(PathBuf::from(LOGS), |p, n| p.join(n)).join(file))
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, text)).map_err(|e| format!("{}: {}", path.display(), io_words(&e)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Timestamp;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back_whatever_the_texts() {
        for text in [
            "yes",
            "0755",
            "1e3",
            "~",
            "null",
            "- a",
            "a: b",
            " lead",
            "trail ",
            "#x",
            "a\nb\n",
            "\ttab",
            "'q'",
            "\"d\"",
            "%x",
            "@a",
            "2026-01-01",
            "ü…",
            "---",
            "a\n---\nb",
            "{",
            "|",
            ">-",
            "!tag",
            "&a *b",
            "\u{85}x",
        ] {
            let value = json!({"kind": "Pod", "a": text, "list": [text, {"b": text}], "n": 3, "t": true, "z": null, "e": {}, "l": []});
            let written =
                format!("---\n{}---\n{}", document(&value).unwrap(), document(&json!({"kind": "B"})).unwrap());
            let read = objects::parse(Path::new("objects.yaml"), &written).unwrap();
            assert_eq!(read, [value, json!({"kind": "B"})], "{text:?}\n{written}");
        }
    }

    #[test]
    fn only_empty_folders_and_older_bundles_are_written_into() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        assert!(may_write(&path, false).is_ok());
        let bundle = Bundle::new("shop", "web-1", Timestamp::UNIX_EPOCH);
        let log = Log {
            namespace: "shop".into(),
            pod: "web-1".into(),
            container: "app".into(),
            slot: LogSlot::Previous,
            text: "x\n".into(),
            truncated: false,
        };
        assert_eq!(write(&path, &bundle, [json!({"kind": "Pod"})].iter(), [log].iter()).unwrap(), "1 object, 1 log");
        assert!(may_write(&path, false).is_ok());
        write(&path, &bundle, [].iter(), [].iter()).unwrap();
        assert!(!path.join("logs").exists(), "an older bundle's logs are gone");
        assert!(may_write(dir.path(), false).unwrap_err().contains("holds other files"));
        assert!(may_write(dir.path(), true).is_ok());
        assert!(may_write(&path.join("bundle.yaml"), true).unwrap_err().contains("not a folder"));
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let log = |pod: &str| Log {
            namespace: "s".into(),
            pod: pod.into(),
            container: "c".into(),
            slot: LogSlot::Current,
            text: String::new(),
            truncated: false,
        };
        assert_eq!(log_path(&log("..")), None);
        assert_eq!(log_path(&log("a/b")), None);
        assert_eq!(log_path(&log("web-1")), Some(PathBuf::from("logs/s/web-1/c/current.log")));
    }
}
