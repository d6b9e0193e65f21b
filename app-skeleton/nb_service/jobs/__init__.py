"""Jobs: requests that are answered later. A store keeps them, and the app's threads send them to the pool."""
