use super::*;
use crate::cli::answer::{self, Answer};
use crate::diagnose::facts::Log;
use serde_json::{Value, json};

/// A folder of files for one test.
struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn read(&self) -> Result<Input, Unusable> {
        read(&[self.0.path().to_path_buf()])
    }

    fn answers(&self) -> Vec<Answer> {
        let input = self.read().unwrap_or_else(|e| panic!("{e}"));
        let (now, only) = (input.taken_at.or(input.builder.newest()).unwrap(), input.subjects);
        answer::all(&input.builder.finish(), now, &only)
    }

    fn log(&self) -> Log {
        self.read().unwrap_or_else(|e| panic!("{e}")).builder.finish().logs.remove(0)
    }
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-01T09:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/web:1"}, {"name": "sidecar", "image": "s"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T10:00:00Z", "finishedAt": "2026-01-01T10:00:02Z"}}},
            {"name": "sidecar", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T09:00:00Z"}}}]}})
}

fn bare(mut object: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.remove("kind");
    fields.remove("apiVersion");
    object
}

fn event() -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web-1.1"}, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "uid-web-1", "fieldPath": "spec.containers{app}"},
        "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container", "lastTimestamp": "2026-01-01T10:00:12Z", "count": 7})
}

const MODULE: &str = "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in <module>\nModuleNotFoundError: No module named 'flask'\n";

/// What every layout must come to.
fn is_understood(dir: &Dir) {
    let answers = dir.answers();
    let got: Vec<_> = answers.iter().map(|a| format!("{}/{} {}", a.namespace, a.container, a.reason)).collect();
    assert_eq!(got, ["shop/app MissingModule"]);
    assert!(answers[0].log_excerpt.iter().any(|l| l.contains("flask")), "{:?}", answers[0].log_excerpt);
}

#[test]
fn our_own_layout() {
    let dir = Dir::new();
    dir.put("objects.yaml", serde_saphyr::to_string(&pod("web-1")).unwrap());
    is_understood(dir.put("logs/shop/web-1/app/previous.log", MODULE));
}

#[test]
fn a_cluster_info_dump() {
    let dir = Dir::new();
    let list = |kind: &str, items: Vec<Value>| {
        json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}).to_string()
    };
    dir.put("nodes.json", list("NodeList", vec![json!({"metadata": {"name": "n1"}})]));
    dir.put("shop/pods.json", list("PodList", vec![bare(pod("web-1"))]))
        .put("shop/events.json", list("EventList", vec![event()]));
    for (file, kind) in [("services", "ServiceList"), ("replication-controllers", "ReplicationControllerList")] {
        dir.put(&format!("shop/{file}.json"), list(kind, vec![]));
    }
    for file in ["daemonsets", "deployments", "replicasets"] {
        dir.put(&format!("shop/{file}.json"), json!({"kind": "List", "apiVersion": "v1", "items": []}).to_string());
    }
    let section = |c: &str, text: &str| {
        format!(
            "==== START logs for container {c} of pod shop/web-1 ====\n{text}==== END logs for container {c} of pod shop/web-1 ====\n"
        )
    };
    let logs = section("app", MODULE) + &section("sidecar", "listening on :9000");
    is_understood(dir.put("shop/web-1/logs.txt", logs));
    let cluster = dir.read().unwrap_or_else(|e| panic!("{e}")).builder.finish();
    assert_eq!(cluster.logs.len(), 2);
    assert_eq!((cluster.events.len(), cluster.nodes.len()), (1, 1));
    assert!(cluster.complete("Service", Some("shop")) && cluster.complete("Deployment", Some("shop")));
    assert!(!cluster.complete("ConfigMap", Some("shop")), "a dump has no ConfigMaps");
}

#[test]
fn a_must_gather() {
    let dir = Dir::new();
    let yaml = |v: &Value| format!("---\n{}", serde_saphyr::to_string(v).unwrap());
    let ns = "must-gather.local.1/quay-io-openshift-sha256-abc/namespaces/shop";
    let list =
        |kind: &str, items: Vec<Value>| json!({"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items});
    dir.put("must-gather.local.1/timestamp", "2026-01-01 10:05:00")
        .put("must-gather.local.1/event-filter.html", "<html>");
    dir.put(&format!("{ns}/core/events.yaml"), yaml(&list("EventList", vec![event()])));
    dir.put(&format!("{ns}/core/pods.yaml"), yaml(&list("PodList", vec![pod("web-1")])));
    dir.put(&format!("{ns}/core/configmaps.yaml"), yaml(&list("ConfigMapList", vec![])));
    dir.put(&format!("{ns}/pods/web-1/web-1.yaml"), yaml(&pod("web-1")));
    dir.put(&format!("{ns}/pods/web-1/app/app/logs/current.log"), "");
    dir.put(&format!("{ns}/pods/web-1/app/app/logs/previous.insecure.log"), "");
    let stamped: String =
        MODULE.lines().map(|l| format!("2026-01-01T10:00:01.000000000Z {l}\n")).collect::<Vec<_>>().concat();
    dir.put(&format!("{ns}/pods/web-1/app/app/logs/previous.log"), stamped);
    let scoped = "must-gather.local.1/quay-io-openshift-sha256-abc/cluster-scoped-resources";
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}});
    dir.put(&format!("{scoped}/core/nodes/n1.yaml"), yaml(&node));
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "x"});
    dir.put(&format!("{scoped}/storage.k8s.io/storageclasses/fast.yaml"), yaml(&class));
    is_understood(&dir);
    let cluster = dir.read().unwrap_or_else(|e| panic!("{e}")).builder.finish();
    assert_eq!(cluster.pods.len(), 1, "the pod's own file and the list are one pod");
    assert_eq!((cluster.nodes.len(), cluster.storage_classes.len(), cluster.events.len()), (1, 1, 1));
    assert!(cluster.complete("ConfigMap", Some("shop")));
}

#[test]
fn a_bundle_is_about_its_pod_and_anything_beside_it_lifts_that() {
    let dir = Dir::new();
    let bundle = bundle::Bundle {
        truncated: vec!["shop/web-1/app/previous".into()],
        ..bundle::Bundle::new("shop", "web-1", "2026-01-01T10:00:20Z".parse().unwrap())
    };
    dir.put("b/bundle.yaml", serde_saphyr::to_string(&bundle).unwrap())
        .put("b/logs/shop/web-1/app/previous.log", MODULE);
    dir.put(
        "b/objects.yaml",
        format!(
            "---\n{}---\n{}",
            serde_saphyr::to_string(&pod("web-1")).unwrap(),
            serde_saphyr::to_string(&pod("db-1")).unwrap()
        ),
    );
    dir.put("b/case.yaml", "source: a test\nexpect: {reason: MissingModule}\n");
    is_understood(&dir);
    assert!(dir.log().truncated);
    dir.put("more.yaml", serde_saphyr::to_string(&pod("api-1")).unwrap());
    assert_eq!(dir.answers().len(), 3);
}

#[test]
fn unusable_input_names_file_and_place() {
    let said = |dir: &Dir| {
        dir.read().err().map(|e| e.to_string().replace(&format!("{}", dir.0.path().display()), "D")).unwrap()
    };
    let dir = Dir::new();
    assert!(said(&dir).starts_with("D: no Kubernetes objects in it"));
    assert_eq!(said(dir.put("a.yaml", "kind: Pod\nmetadata: {name: [\n")).lines().count(), 1);
    assert!(said(&dir).starts_with("D/a.yaml: line "), "{}", said(&dir));
    assert!(said(Dir::new().put("a.json", "{\"kind\":\n \"Pod\" x}")).starts_with("D/a.json: line 2, column "));
    assert!(said(Dir::new().put("a.yaml", b"kind: Pod\nx: \xff\n")).contains("a.yaml: line 2: not UTF-8"));
    let missing = read(&[PathBuf::from("/does/not/exist")]).err().unwrap();
    assert_eq!(missing.to_string(), "/does/not/exist: no such file or folder");
}

#[test]
fn one_bad_file_of_a_folder_costs_that_file_only() {
    let dir = Dir::new();
    dir.put("a.yaml", "{{{ not yaml").put("b.yaml", serde_saphyr::to_string(&pod("web-1")).unwrap());
    let input = dir.read().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((input.objects, input.skipped.len()), (1, 1));
}

#[test]
fn hostile_logs_become_harmless_text() {
    let log = |bytes: &[u8]| {
        let dir = Dir::new();
        dir.put("objects.json", pod("web-1").to_string()).put("logs/shop/web-1/app/previous.log", bytes);
        dir.log()
    };
    let text =
        log(b"\x1b[31;1mred\x1b[0m \x1b]0;title\x07bell\x07 nul\0 \xe2\x80\xae\xff\xfe ok\r\nprogress 1\rprogress 2\n")
            .text;
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    assert!(text.contains("red bell nul") && text.contains("progress 2\n") && !text.contains('\u{202e}'), "{text:?}");
    let mut line = vec![b'a'; 3 << 20];
    line.extend_from_slice(b" fatal: the end\n");
    let cut = log(&line);
    assert!(cut.truncated && cut.text.len() < 40 * 1024, "{}", cut.text.len());
    assert!(cut.text.ends_with("fatal: the end\n"));
    assert_eq!(log(&[0xff; 4096]).text.chars().filter(|c| c.is_control() && *c != '\n').count(), 0);
}

#[test]
fn of_a_huge_log_only_the_end_is_read() {
    let dir = Dir::new();
    dir.put("objects.json", pod("web-1").to_string()).put("logs/shop/web-1/app/previous.log", "");
    let path = dir.0.path().join("logs/shop/web-1/app/previous.log");
    // A hole: 100 MB that take no room on the disk, then what matters.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(100 << 20).unwrap();
    drop(file);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, format!("\n{MODULE}").as_bytes()).unwrap();
    let (bytes, cut) = tail(&path).unwrap();
    assert!(cut && bytes.len() == logs::MAX_LOG, "{}", bytes.len());
    is_understood(&dir);
}

#[test]
fn hostile_words_in_objects_do_not_reach_the_answer() {
    let mut bad = pod("web-1");
    bad["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"] =
        json!("\u{1b}[2Jgone \u{202e}evil password=hunter2");
    bad["spec"]["containers"][0]["image"] = json!("x\u{1b}]0;t\u{7}");
    let dir = Dir::new();
    dir.put("objects.json", bad.to_string());
    let shown = serde_json::to_string(&dir.answers()).unwrap();
    assert!(!shown.contains("\\u001b") && !shown.contains('\u{202e}') && !shown.contains("hunter2"), "{shown}");
}
