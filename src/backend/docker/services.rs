//! The containers beside the main one, and the network that they share with it.

use std::time::Duration;

use tokio::net::TcpStream;

use super::{
    engine::{Engine, Trouble},
    shape::Shape,
};
use crate::action::container::Service;

/// How long a service has until it answers.
const READY: Duration = Duration::from_mins(2);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(50);

/// Makes the services of an attempt run, and waits until they answer. Gives why one does not.
pub(super) async fn start(engine: &Engine, shape: &Shape) -> Result<Result<(), String>, Trouble> {
    let Some((network, leads)) = shape.own_network() else { return Ok(Ok(())) };
    engine.make_network(&network, shape.labels(), leads).await?;
    for service in &shape.container.services {
        let name = shape.service_name(service);
        engine.image(&service.image).await?;
        engine.create(&name, shape.service(service)).await?;
        engine.start(&name).await?;
    }
    for service in &shape.container.services {
        if let Err(why) = until_ready(engine, shape, service, &network).await? {
            return Ok(Err(format!("the service `{}` {why}", service.name)));
        }
    }
    Ok(Ok(()))
}

async fn until_ready(
    engine: &Engine,
    shape: &Shape,
    service: &Service,
    network: &str,
) -> Result<Result<(), String>, Trouble> {
    let Some(port) = service.port else { return Ok(Ok(())) };
    let name = shape.service_name(service);
    let asked = async {
        loop {
            let state = engine.state(&name).await?.unwrap_or_default();
            if state.running != Some(true) {
                let code = state.exit_code.unwrap_or_default();
                return Ok(Err(format!("ended with exit code {code} before it answered on port {port}")));
            }
            if let Some(address) = engine.address(&name, network).await?
                && TcpStream::connect(format!("{address}:{port}")).await.is_ok()
            {
                return Ok(Ok(()));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let late = || Ok(Err(format!("does not answer on port {port} after {} s", READY.as_secs())));
    tokio::time::timeout(READY, asked).await.unwrap_or_else(|_| late())
}

/// Removes the services and their network.
pub(super) async fn remove(engine: &Engine, shape: &Shape) -> Result<(), Trouble> {
    let Some((network, _)) = shape.own_network() else { return Ok(()) };
    for service in &shape.container.services {
        engine.remove(&shape.service_name(service)).await?;
    }
    engine.remove_network(&network).await
}
