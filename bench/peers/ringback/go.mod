module github.com/ringback/ringback/bench/peers/ringback

go 1.26.0

require (
	github.com/google/uuid v1.6.0
	github.com/ringback/ringback/clients/go v0.1.0
	golang.org/x/sync v0.23.0
	google.golang.org/protobuf v1.36.12
)

require (
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
)

replace github.com/ringback/ringback/clients/go => ../../../clients/go
