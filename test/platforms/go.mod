// Modules whose definitions of resources the files in docs/deploy are held against; nothing of them is built.
module nb-builder/test/platforms

go 1.25.0

require (
	github.com/kserve/kserve v0.20.0
	github.com/shipwright-io/build v0.20.13
	github.com/tektoncd/pipeline v1.15.0
)
