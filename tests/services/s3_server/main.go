// SPDX-License-Identifier: Apache-2.0
//
// s3_server PORT FOLDER: the gateway as a library, with a folder's subfolders as buckets, on loopback: what its own program
// would do with `posix FOLDER/buckets`, without the other stores, which take half of the compile time. Keys are in the
// environment as for that program. Ends with SIGTERM.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func serve(port, folder string) error {
	buckets := filepath.Join(folder, "buckets")
	if err := (meta.XattrMeta{}).Test(buckets); err != nil {
		return err
	}
	store, err := posix.New(buckets, meta.XattrMeta{}, posix.PosixOpts{})
	if err != nil {
		return err
	}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return embedgw.RunVersityGW(ended, store, &embedgw.Config{
		RootUserAccess: os.Getenv("ROOT_ACCESS_KEY"), RootUserSecret: os.Getenv("ROOT_SECRET_KEY"),
		Region: "us-east-1", Ports: []string{"127.0.0.1:" + port}, IAMDir: filepath.Join(folder, "iam"),
		MaxConnections: 250000, MaxRequests: 100000, MultipartMaxParts: 10000, IAMCacheTTL: 120, IAMCachePrune: 3600,
	})
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: s3_server PORT FOLDER")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
