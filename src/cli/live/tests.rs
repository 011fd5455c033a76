//! A cluster made of answers: what the API server says to each path. Whatever is not listed does not exist.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::cli::{answer, capture, input};
use crate::collect::Reader;

#[derive(Clone, Default)]
struct Server(BTreeMap<&'static str, (u16, Vec<u8>)>);

impl Server {
    fn says(mut self, path: &'static str, answer: &Value) -> Self {
        self.0.insert(path, (200, answer.to_string().into_bytes()));
        self
    }

    fn prints(mut self, path: &'static str, log: String) -> Self {
        self.0.insert(path, (200, log.into_bytes()));
        self
    }

    fn forbids(mut self, path: &'static str) -> Self {
        self.0.insert(path, (403, status(403, &format!("{path} is forbidden"))));
        self
    }

    fn cluster(self) -> Cluster {
        let client = Client::new(self, "shop");
        let reader = Reader::new(client.clone(), Duration::from_secs(5));
        Cluster { client, reader, namespace: "shop".into(), url: "https://test".into() }
    }
}

fn status(code: u16, message: &str) -> Vec<u8> {
    let reason = if code == 403 { "Forbidden" } else { "NotFound" };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
        .to_string()
        .into_bytes()
}

impl tower::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let known = self.0.get(request.uri().path()).cloned();
        let (code, body) = known.unwrap_or_else(|| (404, status(404, "not found")));
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
        ready(Ok(response))
    }
}

const PODS: &str = "/api/v1/namespaces/shop/pods";
const POD: &str = "/api/v1/namespaces/shop/pods/web-abc-1";
const LOG: &str = "/api/v1/namespaces/shop/pods/web-abc-1/log";
const EVENTS: &str = "/api/v1/namespaces/shop/events";
const NODE: &str = "/api/v1/nodes/n1";

fn pod() -> Value {
    let ago = |s: i64| Timestamp::from_second(Timestamp::now().as_second() - s).unwrap().to_string();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "web-abc-1", "uid": "p-1", "resourceVersion": "5",
            "creationTimestamp": ago(600), "labels": {"app": "web", "pod-template-hash": "abc"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-abc", "uid": "rs-1", "controller": true}]},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "registry.example/web:1",
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "level"}}}]}]},
        "status": {"phase": "Running", "startTime": ago(600), "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": false, "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": ago(22), "finishedAt": ago(20), "containerID": "containerd://c1"}}}]}})
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": items})
}

/// A Deployment whose program misses a module, and says a password on its way.
fn server() -> Server {
    let stamp = Timestamp::from_second(Timestamp::now().as_second() - 21)
        .unwrap()
        .strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        .to_string();
    let lines = [
        "connecting with password=hunter2",
        "Traceback (most recent call last):",
        "  File \"/app/a.py\", line 1, in <module>",
        "ModuleNotFoundError: No module named 'flask'",
    ];
    let log = lines.map(|l| format!("{stamp} {l}\n")).concat();
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": "shop", "name": "web-abc", "uid": "rs-1",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
        "spec": {"replicas": 3, "selector": {}}, "status": {"replicas": 3}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web", "uid": "d-1"}, "spec": {"replicas": 3, "selector": {}, "template": {}}});
    Server::default()
        .says(PODS, &list("PodList", &[pod()]))
        .says(POD, &pod())
        .prints(LOG, log)
        .says(EVENTS, &list("EventList", &[]))
        .says(NODE, &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"images": [{"names": ["x"]}]}}))
        .says("/apis/apps/v1/namespaces/shop/replicasets/web-abc", &owner)
        .says("/apis/apps/v1/namespaces/shop/deployments/web", &deployment)
        .says("/api/v1/namespaces/shop/configmaps/web", &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "web"}, "data": {"levl": "hunter2"}}))
}

async fn answers(server: Server, scope: Scope) -> Result<Vec<Answer>, String> {
    let mut all = Vec::new();
    look(&server.cluster(), &scope, &Signatures::default(), |l| all.push(l.answer)).await?;
    Ok(all)
}

fn shop() -> Scope {
    Scope::Namespace("shop".into())
}

#[tokio::test]
async fn a_crash_loop_is_found_and_explained() {
    let all = answers(server(), shop()).await.unwrap();
    assert_eq!(all.len(), 1);
    let a = &all[0];
    assert_eq!(
        (a.workload.kind.as_str(), a.workload.name.as_str(), a.reason.as_str()),
        ("Deployment", "web", "MissingModule")
    );
    assert_eq!((a.pods_affected, a.pods_total, a.restarts), (1, 3, 4));
    assert!(a.unread.is_empty(), "{:?}", a.unread);
}

#[tokio::test]
async fn missing_rights_are_named_and_the_answer_stands() {
    let all = answers(server().forbids(EVENTS).forbids(NODE), shop()).await.unwrap();
    assert_eq!(all[0].reason, "MissingModule");
    let unread: Vec<_> = all[0].unread.iter().map(|u| (u.what.as_str(), u.why.contains("forbidden"))).collect();
    assert_eq!(unread, [("events", true), ("node", true)]);
    let all = answers(server().forbids(LOG), shop()).await.unwrap();
    assert!(all[0].unread.iter().any(|u| u.what == "previous log"), "{:?}", all[0].unread);
}

#[tokio::test]
async fn pods_that_cannot_be_read_are_one_clear_line() {
    let why = answers(server().forbids(PODS), shop()).await.unwrap_err();
    assert!(why.starts_with("pods of namespace shop cannot be listed: "), "{why}");
    let why = answers(server(), Scope::Pod("shop".into(), "nobody".into())).await.unwrap_err();
    assert_eq!(why, "no pod nobody in namespace shop");
}

#[tokio::test]
async fn a_namespace_can_be_muted() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": {"crashdiagnosis.dev/ignore": "true"}}});
    let all = answers(server().says("/api/v1/namespaces/shop", &namespace), shop()).await.unwrap();
    assert!(all.is_empty());
}

#[tokio::test]
async fn a_bundle_gives_the_same_answer_and_holds_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let said = capture::into(server().cluster(), "shop", "web-abc-1", dir.path()).await.unwrap();
    assert!(said.ends_with("5 objects, 1 log (app: MissingModule)"), "{said}");
    let objects = std::fs::read_to_string(dir.path().join("objects.yaml")).unwrap();
    let log = std::fs::read_to_string(dir.path().join("logs/shop/web-abc-1/app/previous.log")).unwrap();
    assert!(!objects.contains("hunter2") && !log.contains("hunter2"), "{objects}\n{log}");
    assert!(
        objects.contains("levl") && objects.contains("kind: Deployment") && !objects.contains("images:"),
        "{objects}"
    );
    let input = input::read(&[dir.path().to_path_buf()]).unwrap_or_else(|e| panic!("{e}"));
    let (now, only) = (input.taken_at.unwrap(), input.subjects);
    let offline = answer::all(&input.builder.finish(), now, &only);
    let live = answers(server(), Scope::Pod("shop".into(), "web-abc-1".into())).await.unwrap();
    assert_eq!(offline.len(), 1);
    assert_eq!(
        (&offline[0].reason, &offline[0].summary, &offline[0].evidence),
        (&live[0].reason, &live[0].summary, &live[0].evidence)
    );
}
