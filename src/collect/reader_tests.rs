//! What the reader makes of answers, with a server that always gives the same one.

use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;

use super::{Kind, MAX_BODY, Miss, Reader, Select};

#[derive(Clone)]
struct Server(u16, Vec<u8>);

impl tower::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut answer = Response::new(Body::from(self.1.clone()));
        *answer.status_mut() = http::StatusCode::from_u16(self.0).unwrap();
        ready(Ok(answer))
    }
}

async fn list(status: u16, body: Vec<u8>) -> Result<serde_json::Value, Miss> {
    let client = Client::new(Server(status, body), "shop");
    let reader = Reader::new(client, Duration::from_secs(5));
    reader.list(Kind::ReplicaSet, Some("shop"), &Select { limit: 10, ..Select::default() }).await
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_bound() {
    let small = list(200, br#"{"kind": "ReplicaSetList", "items": []}"#.to_vec()).await.unwrap();
    assert_eq!(small["kind"], "ReplicaSetList");
    let mut large = br#"{"kind": ""#.to_vec();
    large.resize(usize::try_from(MAX_BODY).unwrap(), b'x');
    large.extend(br#""}"#);
    assert_eq!(list(200, large).await.unwrap_err().category, "TooLarge");
    assert_eq!(list(200, b"{".to_vec()).await.unwrap_err().category, "Decode");
}

#[tokio::test]
async fn errors_of_the_api_keep_their_meaning() {
    let status = |code: u16| {
        serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": code})
            .to_string()
            .into_bytes()
    };
    assert!(list(404, status(404)).await.unwrap_err().is_absence());
    assert_eq!(list(403, status(403)).await.unwrap_err().category, "Forbidden");
    assert_eq!(list(503, b"upstream".to_vec()).await.unwrap_err().category, "Server");
}
