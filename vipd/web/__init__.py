"""What a browser and Prometheus see of an agent: the status page, the metrics, the health checks.

Theory of operation. None of this may ever delay an advert, so it does not run in the agent: it is a
process of its own, `python -m vipd.web`, which the agent starts where `agent.metrics` is set
(`vipd.agent.web`). It knows of the agent what everybody may know who can open the control socket.

    conversation  bytes <-> requests and responses, within limits        the only door to h11
    site          which path is answered by what
    window        what the agent says of itself; asked at most so often, however many look
    chronicle     what has happened lately, and what happens now
    broadcast     the viewers of the page: each change, each event, once a second a sign of life
    digest        from the report to what the page is told
    metrics       from the report to metric families                     prometheus_client
    process       what the kernel says of the agent's process
    page          page.html, page.css and page.js as one document, and the hashes that permit them
    listener      the socket; privilege: what is given up before the first request is read
"""
