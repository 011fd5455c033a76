//! Sends what is wanted: server-side apply of spec and status, Events, deletions. Every call is bounded in time by the client.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use serde_json::json;

use crate::api::{self, CrashDiagnosis, CrashDiagnosisSpec, CrashDiagnosisStatus, MANAGER};
use crate::diagnose::facts::Workload;

/// An object as it should be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Identity.
    pub spec: CrashDiagnosisSpec,
    /// Owner: the workload; without a uid there is no owner reference.
    pub workload: Workload,
    /// Status.
    pub status: CrashDiagnosisStatus,
    /// The object may be missing or carry other labels; else only the status is sent.
    pub whole: bool,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It stands there now.
    Done,
    /// There was no object to write the status of.
    Gone,
}

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached.
    #[error("{0}")]
    Api(#[from] kube::Error),
}

/// One word for a metric label: what kind of trouble a request met.
pub fn category(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(s) => match s.code {
            401 | 403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            422 => "Invalid",
            429 => "TooManyRequests",
            500.. => "Server",
            _ => "Api",
        },
        kube::Error::Service(_) | kube::Error::HyperError(_) => "Unreachable",
        _ => "Other",
    }
}

/// Writes an object. The spec goes first, in one call; the status in a second.
pub async fn write(client: &Client, wanted: &Wanted) -> Result<Written, Error> {
    let objects: Api<CrashDiagnosis> = Api::namespaced(client.clone(), &wanted.namespace);
    let params = PatchParams::apply(MANAGER).force();
    if wanted.whole {
        objects.patch(&wanted.name, &params, &Patch::Apply(&object(wanted))).await?;
    }
    let body = json!({
        "apiVersion": "crashdiagnosis.dev/v1alpha1",
        "kind": "CrashDiagnosis",
        "metadata": {"name": wanted.name},
        "status": wanted.status,
    });
    match objects.patch_status(&wanted.name, &params, &Patch::Apply(&body)).await {
        Ok(_) => Ok(Written::Done),
        Err(kube::Error::Api(s)) if s.is_not_found() => Ok(Written::Gone),
        Err(error) => Err(error.into()),
    }
}

/// The object without its status.
fn object(wanted: &Wanted) -> CrashDiagnosis {
    let labels = [
        (api::LABEL_CAUSE, wanted.status.cause.as_str()),
        (api::LABEL_REASON, wanted.status.reason.as_str()),
        (api::LABEL_MANAGED_BY, MANAGER),
    ];
    let w = &wanted.workload;
    let owner = w.uid.clone().filter(|uid| !uid.is_empty()).map(|uid| OwnerReference {
        api_version: w.api_version.clone(),
        kind: w.kind.clone(),
        name: w.name.clone(),
        uid,
        ..OwnerReference::default()
    });
    CrashDiagnosis {
        metadata: ObjectMeta {
            name: Some(wanted.name.clone()),
            namespace: Some(wanted.namespace.clone()),
            labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            owner_references: owner.map(|o| vec![o]),
            ..ObjectMeta::default()
        },
        spec: wanted.spec.clone(),
        status: None,
    }
}

/// Deletes an object; one that is gone is fine. With `uid`, only that very object.
pub async fn delete(client: &Client, namespace: &str, name: &str, uid: Option<String>) -> Result<(), Error> {
    let objects: Api<CrashDiagnosis> = Api::namespaced(client.clone(), namespace);
    let preconditions = uid.map(|uid| Preconditions { uid: Some(uid), resource_version: None });
    match objects.delete(name, &DeleteParams { preconditions, ..DeleteParams::default() }).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(s)) if s.is_not_found() || s.is_conflict() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Publishes an Event. A namespace that is going away takes none, which is fine.
pub async fn publish(client: &Client, event: &k8s_openapi::api::events::v1::Event) -> Result<(), Error> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client.clone(), namespace);
    match events.create(&PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() }, event).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(s)) if s.is_already_exists() || s.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
