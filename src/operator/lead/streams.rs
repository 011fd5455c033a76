//! What leading watches besides pods: its own objects and namespaces; and what an error of a watch means, in words.

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};

use super::super::book::Key;
use crate::api::CrashDiagnosis;
use crate::watch::stream::Scope;

/// Objects per page of our own list.
const PAGE: u32 = 100;

pub(super) fn apis<K>(client: &Client, scopes: &[Scope]) -> Vec<Api<K>>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    let api = |s: &Scope| match &s.namespace {
        Some(ns) => Api::namespaced(client.clone(), ns),
        None => Api::all(client.clone()),
    };
    scopes.iter().map(api).collect()
}

pub(super) async fn list_all(client: &Client, scopes: &[Scope]) -> Result<Vec<CrashDiagnosis>, kube::Error> {
    let mut all = Vec::new();
    for api in apis::<CrashDiagnosis>(client, scopes) {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = api.list(&params).await?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|c| !c.is_empty()) {
                Some(next) => params = params.continue_token(&next),
                None => break,
            }
        }
    }
    Ok(all)
}

/// The watch of our own objects: those that are deleted, by us or others; `None` for any other news.
pub(super) fn ours(client: &Client, scopes: &[Scope]) -> BoxStream<'static, Result<Option<Key>, watcher::Error>> {
    let watch = |api: Api<PartialObjectMeta<CrashDiagnosis>>| {
        watcher::watcher(api, watcher::Config::default().page_size(PAGE))
            .default_backoff()
            .map(|event| {
                event.map(|event| match event {
                    Event::Delete(o) => {
                        Some((o.metadata.namespace.unwrap_or_default(), o.metadata.name.unwrap_or_default()))
                    }
                    _ => None,
                })
            })
            .boxed()
    };
    futures::stream::select_all(apis(client, scopes).into_iter().map(watch)).boxed()
}

/// Our annotations on a namespace; `None`: all that can be read have been.
pub(super) type Wishes = Option<(String, std::collections::BTreeMap<String, String>)>;

/// Our annotations on namespaces. Without the right to watch namespaces, or when only some are watched, there are none.
pub(super) fn namespaces(client: &Client, scopes: &[Scope]) -> BoxStream<'static, Wishes> {
    if scopes.iter().any(|s| s.namespace.is_some()) {
        return futures::stream::iter([None]).chain(futures::stream::pending()).boxed();
    }
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
    watcher::watcher(api, watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .filter_map(|event| {
            std::future::ready(match event {
                Ok(Event::Apply(o) | Event::InitApply(o)) => {
                    let ours = o.metadata.annotations.into_iter().flatten();
                    let ours = ours.filter(|(k, _)| k.starts_with("crashdiagnosis.dev/")).collect();
                    Some(Some((o.metadata.name.unwrap_or_default(), ours)))
                }
                Ok(Event::Delete(o)) => {
                    Some(Some((o.metadata.name.unwrap_or_default(), std::collections::BTreeMap::default())))
                }
                Ok(Event::InitDone) | Err(_) => Some(None),
                Ok(Event::Init) => None,
            })
        })
        .boxed()
}

/// What a failed list of our own objects means, in words for the person who reads the log.
pub(super) fn explain_crd(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(s) if s.is_not_found() || s.code == 404 => {
            "the CRD crashdiagnoses.crashdiagnosis.dev is not installed: crash-diagnosis crd | kubectl apply -f -"
                .into()
        }
        kube::Error::Api(s) if s.is_forbidden() => format!("a right is missing: {}", s.message),
        kube::Error::Api(s) => s.message.clone(),
        other => format!("the API server cannot be reached: {other}"),
    }
}

/// The client's error within the watcher's.
pub(super) fn inner(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(e) | watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => {
            Some(e)
        }
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

/// The API server does not know the resource.
pub(super) fn is_missing(error: &watcher::Error) -> bool {
    matches!(inner(error), Some(kube::Error::Api(s)) if s.is_not_found() || s.code == 404)
}

pub(super) fn explain_watch(error: &watcher::Error) -> String {
    let inner = match (inner(error), error) {
        (Some(inner), _) => inner,
        (None, watcher::Error::WatchError(s)) => {
            return format!("the API server ended the watch of pods: {}", s.message);
        }
        (None, _) => return error.to_string(),
    };
    match inner {
        kube::Error::Api(s) if s.is_forbidden() => format!("a right is missing: {}", s.message),
        kube::Error::Api(s) => format!("pods cannot be watched: {}", s.message),
        other => format!("the API server cannot be reached: {other}"),
    }
}
