# Databricks notebook source
# MAGIC %md a title

# COMMAND ----------

print("load")
