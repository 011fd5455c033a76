//! The documentation keeps step with the catalogue. `make docs` (UPDATE_DOCS=1) rewrites the generated parts.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crash_diagnosis::{
    cli::pages,
    diagnose::{Cause, Reason},
};

const SECTIONS: [&str; 5] =
    ["## What happened", "## How it is recognised", "## Look yourself", "## Fix", "## False friends"];

fn causes_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/causes")
}

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

fn read(reason: Reason) -> String {
    let path = causes_dir().join(format!("{reason}.md"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_page_begins_with_the_catalogues_words() {
    for &reason in Reason::ALL {
        let (page, front) = (read(reason), pages::front(reason));
        if page.starts_with(&front) {
            continue;
        }
        assert!(updating(), "docs/causes/{reason}.md does not begin with\n{front}\nRun `make docs`.");
        let rest: Vec<_> = page.lines().skip(3).collect();
        fs::write(causes_dir().join(format!("{reason}.md")), format!("{front}{}\n", rest.join("\n"))).unwrap();
    }
}

#[test]
fn every_page_has_all_sections_in_order_and_content_in_each() {
    for &reason in Reason::ALL {
        let page = read(reason);
        let mut from = 0;
        for section in SECTIONS {
            let at = page[from..]
                .find(&format!("\n{section}\n"))
                .unwrap_or_else(|| panic!("docs/causes/{reason}.md: {section:?} is missing or out of order"));
            from += at + section.len();
            let body = page[from..].split("\n## ").next().unwrap_or_default();
            assert!(body.trim().len() > 80, "docs/causes/{reason}.md: {section:?} says next to nothing");
        }
    }
}

#[test]
fn no_page_is_left_without_a_reason() {
    let known: BTreeSet<String> = Reason::ALL.iter().map(|r| format!("{r}.md")).chain(["README.md".into()]).collect();
    let there: BTreeSet<String> =
        fs::read_dir(causes_dir()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "pages without a reason");
}

#[test]
fn the_index_is_generated() {
    let path = causes_dir().join("README.md");
    if updating() {
        fs::write(&path, pages::index()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), pages::index(), "run `make docs`");
}

/// Words of others that look like a reason of ours.
const FOREIGN: &[&str] = &[
    "AppArmor",
    "ConfigMap",
    "ConfigMaps",
    "CrashDiagnosis",
    "CronJob",
    "DaemonSet",
    "EndpointSlices",
    "ErrImageNeverPull",
    "ExternalSecret",
    "GitOps",
    "ImportError",
    "NetworkPolicy",
    "OpenShift",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
    "ReplicaSet",
    "RoleBinding",
    "RuntimeClass",
    "SealedSecret",
    "StartError",
    "StatefulSet",
    "StorageClass",
    "VolumeAttachment",
];

#[test]
fn reasons_that_pages_speak_of_exist() {
    let code = regex::Regex::new(r"(?s)```.*?```|`[^`]*`").unwrap();
    let word = regex::Regex::new(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b").unwrap();
    for &reason in Reason::ALL {
        let page = read(reason);
        for found in word.find_iter(&code.replace_all(&page, " ")) {
            let w = found.as_str();
            let known =
                w.parse::<Reason>().is_ok() || Cause::ALL.iter().any(|c| c.as_str() == w) || FOREIGN.contains(&w);
            assert!(known, "docs/causes/{reason}.md speaks of {w}, which is no reason");
        }
    }
}
#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)").unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md"].iter().map(|f| root.join(f)).collect();
    for dir in ["docs", "docs/causes", "charts/crash-diagnosis", "tests/cluster", "tests/corpus", "tests/scenarios"] {
        for entry in fs::read_dir(root.join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") {
                files.push(path);
            }
        }
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        for target in link.captures_iter(&text).map(|c| c[1].to_owned()) {
            let to = file.parent().unwrap().join(&target);
            assert!(to.exists(), "{}: link to {target} leads nowhere", file.display());
        }
    }
}

#[test]
fn the_charts_crd_is_the_generated_one() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let generated = crash_diagnosis::api::crd_yaml().unwrap();
    for copy in ["crds/crashdiagnoses.crashdiagnosis.dev.yaml", "charts/crash-diagnosis/files/crd.yaml"] {
        if updating() {
            fs::write(root.join(copy), &generated).unwrap();
        }
        let there = fs::read_to_string(root.join(copy)).unwrap();
        assert_eq!(there, generated, "{copy}: run `make crds`");
    }
}
