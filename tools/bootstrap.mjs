// Makes a fresh clone ready (npm packages, build, engine), then runs one of the project's jobs. Needs Node alone.
