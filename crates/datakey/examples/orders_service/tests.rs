//! The service on the emulator of KMS. The clock is paused: a minute of retries passes at once.
use std::{error::Error, sync::Arc};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use datakey::fake_kms::{FakeKms, FaultRule, KmsErrorCode, Quota};
use tower::ServiceExt as _;

use crate::{orders::Orders, routes::router};

type Tested = Result<(), Box<dyn Error>>;

async fn ask(orders: &Arc<Orders>, method: Method, path: &str) -> Result<StatusCode, Box<dyn Error>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from("two CDs"))?;
    Ok(router(Arc::clone(orders)).oneshot(request).await?.status())
}

fn service(fake: &FakeKms, key: &str) -> Result<Arc<Orders>, Box<dyn Error>> {
    Ok(Arc::new(Orders::new(fake.provider(key))?))
}

#[tokio::test(start_paused = true)]
async fn a_throttled_kms_shows_in_no_answer() -> Tested {
    let fake = FakeKms::builder().quota(Quota::per_second(1)).build()?;
    let orders = service(&fake, &fake.create_key()?)?;
    for number in 0..100 {
        let path = format!("/orders/{number}");
        assert_eq!(ask(&orders, Method::PUT, &path).await?, StatusCode::CREATED);
        assert_eq!(ask(&orders, Method::GET, &path).await?, StatusCode::OK);
    }
    assert_eq!(fake.ledger().calls(), 1);
    assert_eq!(
        ask(&orders, Method::GET, "/orders/100").await?,
        StatusCode::NOT_FOUND
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_fails_says_whether_to_come_again() -> Tested {
    let fake = FakeKms::new();
    let (down, disabled) = (fake.create_key()?, fake.create_key()?);
    fake.inject(FaultRule::new(KmsErrorCode::Internal).for_key(&*down));
    fake.disable_key(&disabled)?;
    for (key, status) in [(down, 503), (disabled, 500)] {
        let orders = service(&fake, &key)?;
        assert_eq!(ask(&orders, Method::PUT, "/orders/1").await?.as_u16(), status);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_order_in_anothers_place_does_not_open() -> Tested {
    let fake = FakeKms::new();
    let orders = service(&fake, &fake.create_key()?)?;
    assert_eq!(ask(&orders, Method::PUT, "/orders/1").await?, StatusCode::CREATED);
    assert_eq!(ask(&orders, Method::PUT, "/orders/2").await?, StatusCode::CREATED);
    orders.swap(1, 2).await;
    assert_eq!(
        ask(&orders, Method::GET, "/orders/1").await?,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    Ok(())
}
