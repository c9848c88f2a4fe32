package main

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	ringbackv1 "github.com/ringback/ringback/clients/go/ringback/v1"
)

func TestAllUnaryMethodsAreThere(t *testing.T) {
	methods := methodsOf(nil)
	for _, file := range []protoreflect.FileDescriptor{
		ringbackv1.File_ringback_v1_callbacks_service_proto,
		ringbackv1.File_ringback_v1_dialer_service_proto,
		ringbackv1.File_ringback_v1_directory_service_proto,
	} {
		service := file.Services().Get(0)
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			name := fmt.Sprintf("/%s/%s", service.FullName(), method.Name())
			if _, ok := methods[name]; ok == method.IsStreamingServer() {
				t.Errorf("%s: in the table: %v, streams: %v", name, ok, method.IsStreamingServer())
			}
		}
	}
}
