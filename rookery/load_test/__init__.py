"""Load runs: broker, worker and swarm started, watched, drained, and every reading accounted for."""
