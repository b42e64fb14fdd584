//! Orders over HTTP: `PUT` and `GET` of `/orders/NUMBER`.
use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::put,
};
use datakey::ErrorClass;

use crate::orders::Orders;

pub(crate) fn router(orders: impl Into<Arc<Orders>>) -> Router {
    Router::new()
        .route("/orders/{number}", put(store).get(load))
        .with_state(orders.into())
}

async fn store(
    State(orders): State<Arc<Orders>>,
    Path(number): Path<u64>,
    order: Bytes,
) -> Result<StatusCode, StatusCode> {
    match orders.store(number, &order).await {
        Ok(()) => Ok(StatusCode::CREATED),
        Err(error) => Err(status(error.class())),
    }
}

async fn load(State(orders): State<Arc<Orders>>, Path(number): Path<u64>) -> Result<Vec<u8>, StatusCode> {
    let found = orders.load(number).await.map_err(|error| status(error.class()))?;
    found.ok_or(StatusCode::NOT_FOUND)
}

/// What may succeed later, and what somebody is to be woken for. The guide has the whole table.
fn status(class: Option<ErrorClass>) -> StatusCode {
    match class {
        Some(class) if class.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
